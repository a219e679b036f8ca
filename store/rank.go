package store

// The order of locks: a goroutine takes them in ascending rank, each once. It is
// the order that ARCHITECTURE.md gives.
const (
	rankSnapshot = 0
	rankStripe   = 1 // and the stripe's index
	rankAppend   = rankStripe + stripeCount
	rankGrow     = rankAppend + 1
	rankArena    = rankGrow + 1
)
