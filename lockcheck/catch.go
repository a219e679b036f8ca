//go:build lockcheck

package lockcheck

import "fmt"

// Catch returns what f panics with, or "". It is for tests which show that a check
// catches what it should.
func Catch(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}
