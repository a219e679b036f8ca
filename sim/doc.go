// Package sim is the deterministic world: what a program stands on, made so that
// a test can let it fail, and so that a seed repeats how it failed. Today that is
// its disk.
//
// # The disk
//
// A Disk is a directory. It has two states of everything: what a program sees,
// and what is stable. A write changes what is seen, a sync makes it stable; the
// same holds for names, and SyncDir. Two things can happen to the program:
//
//	Crash  the power goes: of the writes that were not synced any subset of
//	       sectors persists, of the names any subset of the changes
//	Kill   the process ends and the machine goes on: what was written is seen
//	       by the next one, and no more stable than before
//
// Both return the disk as the next process finds it, and the old one refuses
// everything from then on: a goroutine that was left behind does no harm.
//
// # Terms
//
//	inode   a file, whatever it is called
//	sector  512 bytes, the unit that a disk writes whole
//
// # Reading the package
//
// disk.go is the Disk and what can be set about it; directory.go and file.go are
// what a program calls; crash.go is what is lost; content.go lets a test look
// and change.
package sim
