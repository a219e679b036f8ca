package server_test

// clientTokens is where the CAS tokens that clients choose (meta flag E) start;
// the server's own stay far below, so that the two cannot meet.
const clientTokens = 1 << 60

// An opaque is a number of the server's choice, of which a new one is larger
// than all before it.
type opaque struct {
	known bool
	value uint64 // if known
	floor uint64 // if not known: it is larger
}

// fresh is the opaque number after the server chose a new one.
func (o opaque) fresh() opaque {
	floor := o.floor
	if o.known && o.value < clientTokens {
		floor = max(floor, o.value)
	}
	return opaque{floor: floor}
}

// learn is the opaque number after a reply showed v, if that is possible.
func (o opaque) learn(v uint64) (opaque, bool) {
	switch {
	case o.known:
		return o, o.value == v
	case v > o.floor && v < clientTokens:
		return opaque{known: true, value: v, floor: o.floor}, true
	}
	return o, false
}

// compare orders a token that a client sent against the number. Clients send
// only tokens that a reply showed, or that they chose: if the number is not
// known, neither of these is it.
func (o opaque) compare(v uint64) int {
	switch {
	case o.known && v == o.value:
		return 0
	case o.known && v < o.value, !o.known && v <= o.floor:
		return -1
	}
	return +1
}

// taught is o after its predecessor (or itself), before, became known.
func (o opaque) taught(before, known opaque) opaque {
	if o == before {
		return known
	}
	o.floor = max(o.floor, known.fresh().floor)
	return o
}
