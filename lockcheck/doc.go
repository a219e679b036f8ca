// Package lockcheck has the mutexes of the database. They are those of package
// sync and nothing more, unless the build tag lockcheck is set. Then they know
// which goroutine holds them, and two rules are checked wherever the code comes
// by, each with a panic that says where the lock was taken:
//
//   - A goroutine takes locks in ascending rank, each once. Two that take the same
//     locks in different orders may wait for each other for ever, but will not do
//     so in a test; that the order is wrong is seen at once, by one alone.
//   - A goroutine that holds a lock makes no file or socket call, and wakes nobody:
//     a disk that stalls for a second would stall all who want that lock.
//
// A lock without a rank comes last: while it is held no other is taken. Getting
// memory from the system is not checked; see store.Arena.
//
// To run tests with the checks: go test -tags lockcheck ./store. They take a few
// times as long.
package lockcheck

// Outermost is the least rank, of a lock that is taken before all others.
const Outermost = 1
