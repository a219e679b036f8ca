// Package stable is the stable log: records that are on disk before anything
// that rests on them is said aloud. It knows nothing of what the records mean.
//
// # A record
//
//	Reserve  takes room in segments that exist, in memory and among the numbers
//	         claimed; may refuse or tell to wait, and nothing has changed yet
//	Append   copies the record to the batch that is being filled and returns its
//	         position; never blocks, never fails
//	writer   one goroutine; takes the batch, writes it, syncs it
//	Stable   has then reached the position, and who waits for it is woken
//	Read     finds the record of a stream again, in memory or on disk
//
// # Terms
//
//	position  the number of a record; from 1, rising by one
//	batch     the records of one write and one sync
//	segment   a file of fixed size, full of zeros before it is used
//	spare     a segment in which there is no batch yet
//	claim     a promise on disk that numbers up to some limit may have been given
//	control   the file of the claims, and of where a clean stop ended the log
//	blank     nothing but zeros
//	torn      written in part when the power went
//	stream    the records of one writer among several, as those of a Raft group
//	index     the number that a stream's writer gives a record; see Streams
//	locator   where a record of a stream is, and its checksum; in memory
//
// # On disk
//
// All numbers are little-endian. All checksums are CRC-32C.
//
//	DIR/lock                  held while a process has the log open
//	DIR/control               two copies of one block
//	DIR/0000000000000001.log  segments, numbered without gaps
//	DIR/0000000000000002.log
//	DIR/new.tmp               a file that is being made; removed by Open
//
// A segment:
//
//	+---------+-------+-------+----- ... -+----------------------+
//	| header  | batch | batch | batch     | zeros                |
//	| 64      | each begins at a multiple of 8                   |
//	+---------+-------+-------+----- ... -+----------------------+
//
//	header:  0 magic "weensySG"    24 salt, random     48 zeros
//	         8 version, 4 bytes    32 its number       60 checksum of 0..59
//	        12 zeros, 4 bytes      40 its size
//	        16 identity of the log
//
// The header holds no first position, since segments are made ahead: that is in
// the first batch.
//
// A batch:
//
//	 0 salt of the segment           24 checksum of the header of the batch before
//	 8 position of the first record  28 flags: 1 = numbers were left out before it
//	16 number of records, 4 bytes    32 checksum of the payload
//	20 length of the payload, 4      36 checksum of 0..35
//	40 payload: records, one behind the other
//
// A record, with numbers as unsigned varints:
//
//	stream | index | kind, 1 byte | length | payload
//
// The control file is 8192 bytes, with a copy at 0 and one at 4096. One is
// written and synced, and then the other: one of them is always whole, and
// damage to one of two that are equal harms nothing.
//
//	 0 magic "weensyCT"       40 newest segment known    80 \  where a clean stop
//	 8 version, 4 bytes       48 positions claimed up to 88  > ended: segment,
//	12 flags: 1 = clean stop  56 IDs claimed up to       96 /  offset, checksum of
//	16 number of this write   64 next position \ after a       the last batch (4)
//	24 identity of the log    72 next ID       / clean  100 checksum of 0..99
//	32 oldest segment                            stop
//
// Magic, version and checksum of a header stay where they are in every version.
//
// # Damage and torn tails
//
// One batch is in flight: batch n+1 is written when batch n has been synced, so
// that anything of batch n+1 proves that n was whole. Hence, at the first batch
// that is not valid: if anything valid follows, or anything at all behind its
// end or in a later segment, the disk has lost what it had promised. That is
// damage, and Open refuses. Otherwise the batch was in flight when the power
// went, and nobody was told that it is stable: the tail is overwritten with
// zeros and synced, so that nothing of it can come back, and Open says so aloud.
// After a clean stop the control file knows where the log ends, and every
// difference is damage. A segment that is shorter than its header says is always
// damage, since it was synced at its full size before it got its name.
//
// The last batch of an unclean stop may have been read from memory that the disk
// has not seen (the process was killed, the machine went on). So Open syncs what
// it read before anything is appended.
//
// # Numbers
//
// Positions and item IDs are claimed ahead, a block at a time, in the control
// file; a number is given only when its claim has been synced. An unclean stop
// may have lost records whose numbers somebody has seen: numbering goes on above
// the claim. After a clean stop it goes on exactly where it ended, because Open
// durably takes back "clean" before it gives a number.
//
// # Streams
//
// Stream 0 is the Table's. Nobody reads it back, so that it is not indexed and
// costs nothing. Of the others the log holds a list of locators in memory, 24
// bytes for a record. There are as many as the log has records, since old ones
// are not dropped yet; what was cut is not counted.
//
// A stream begins with any index and has no gaps. A record at an index that it
// has cuts the suffix: the stream forgets all from there on, and goes on with the
// new record. The bytes stay in the log, and Open, which goes through the records
// in the same order, forgets the same. What a crash took was never in the stream,
// so that one may end before an index that was appended, even after a record that
// had cut others was lost: then the others are back, as they were before it.
//
// Read looks in the batches in memory first, and then in the segment. There it
// reads one record, and compares the checksum that the locator has: to check the
// batch's, all of a batch would be read for each of its records. Segments are
// opened anew to be read, and a few are kept open.
//
// # Why not something simpler
//
// Claims as records of the log would have to be synced in durability modes that
// sync nothing, and repeated in every segment once old ones are dropped. An end
// mark as a batch of the log would be taken for the end again after a crash that
// lost what was appended behind it. Appending to a growing file makes every sync
// write the file's length too, and so does a segment that was only fallocated,
// whose blocks are converted at their first write. To read records back through
// the files that the writer has open, they would have to be counted, or never be
// closed.
//
// # Locks
//
// Log.mu guards what is in memory, and reopened.mu the list of the files that Read
// has opened. Neither is held while the file system is called, nor while somebody
// is woken, nor together with the other: the build tag lockcheck checks it. A
// caller may hold its own locks when it calls Reserve, Append, ID, Release or
// Bounds; those never block. Read does.
//
// # Invariants
//
//	I1  a batch is written only when the one before it has been synced
//	I2  positions rise by one, except that a flagged batch may leave some out
//	I3  a position or ID is given only below a synced claim, and once
//	I4  in mode Always nothing is stable that was not synced
//	I5  a segment is used only when it and its directory entry were synced
//	I6  a record for which room was reserved finds room
//	I7  behind the last batch there is nothing but zeros, synced, before
//	    anything is appended
//	I8  the indexes of a stream other than 0 leave no gap
//	I9  Read returns what was appended last at an index and not cut before it was
//	    called, byte for byte, or an error
//
// # Reading the package
//
// log.go is the interface; reserve.go, writer.go, gather.go, allocate.go and
// claim.go are how it goes on; stream.go and reopen.go find records again;
// segment.go, batch.go, record.go and control.go are the bytes; open.go,
// recover.go and tail.go read them all back when the log is opened; inspect.go
// does so for somebody who only looks, through readonly.go; fs.go is what is asked
// of a disk.
package stable
