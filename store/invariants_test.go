package store

import "fmt"

// checkInvariants checks what doc.go numbers, over the whole Table.
func (t *Table) checkInvariants() error {
	ids := map[uint64]string{}
	var total int64
	for i := range t.stripes {
		s := &t.stripes[i]
		var bytes int64
		for key, it := range s.items {
			if it.key != key || t.index([]byte(key)) != i {
				return fmt.Errorf("item %q is in stripe %d under %q", it.key, i, key)
			}
			if it.ID == 0 || it.ID > t.nextID || ids[it.ID] != "" {
				return fmt.Errorf("I1: ID %d of %q, already that of %q, or not given", it.ID, key, ids[it.ID])
			}
			ids[it.ID] = key
			if it.position > s.newest {
				return fmt.Errorf("I2: position %d of %q is above its stripe's, %d", it.position, key, s.newest)
			}
			bytes += cost(len(key), len(it.value))
		}
		if bytes != s.bytes {
			return fmt.Errorf("I3: stripe %d counts %d bytes and has %d", i, s.bytes, bytes)
		}
		total += bytes
	}
	if used := t.budget.Used(); used != total {
		return fmt.Errorf("I3: the budget has %d bytes reserved, the items have %d", used, total)
	}
	return nil
}
