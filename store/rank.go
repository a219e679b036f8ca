package store

import "weensydb/lockcheck"

// The order of locks: a goroutine takes them in ascending rank, each once. It is
// the order that ARCHITECTURE.md gives. Before them comes the database's own lock,
// and behind them the log's, which has no rank.
const (
	rankSnapshot = lockcheck.Outermost + 1
	rankStripe   = rankSnapshot + 1 // and the stripe's index
	rankAppend   = rankStripe + stripeCount
	rankGrow     = rankAppend + 1
	rankArena    = rankGrow + 1
)
