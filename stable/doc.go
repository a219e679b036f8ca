// Package stable is the stable log: records that are on disk before anything
// that rests on them is said aloud; and the snapshots of what they left, so that
// the log does not grow for ever. It knows nothing of what either means.
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
//	snapshot  a file that holds what all records up to a position left
//	block     a part of a snapshot, checked and compressed by itself
//	meta      bytes of the caller's in a snapshot, beside its blocks
//	footer    the last block, which proves that the snapshot is whole
//	cutoff    where the log begins, since a snapshot holds what was before
//	backup    the bytes of a snapshot, somewhere else
//
// # On disk
//
// All numbers are little-endian. All checksums are CRC-32C.
//
//	DIR/lock                  held while a process has the log open
//	DIR/control               two copies of one block
//	DIR/0000000000000001.log  segments, numbered without gaps
//	DIR/0000000000000002.log
//	DIR/0000000000000117.snap a snapshot, by its position; most often there is one
//	DIR/new.tmp               a file that is being made; removed by Open
//	DIR/snapshot.tmp          a snapshot that is being written; removed by Open
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
//	24 identity of the log    72 next ID       / clean
//	32 oldest segment                            stop
//
//	the cutoff, of which the oldest segment is a part:
//
//	100 checksum of the header of the last batch before that segment, 4 bytes
//	104 position of the last record before it
//	112 position of the newest snapshot     120 zeros, 4    124 checksum of 0..123
//
// A snapshot:
//
//	+---------+-------+-------+-- ... --+----------+--------+
//	| header  | block | block | block   | meta     | footer |
//	| 64      | one behind the other    | a block  | 104    |
//	+---------+-------+-------+-- ... --+----------+--------+
//
//	header:  0 magic "weensySN"    16 identity of the log    32 zeros
//	         8 version, 4 bytes    24 salt, random           60 checksum of 0..59
//	        12 zeros, 4 bytes
//
// A block, whose payload is compressed with s2 if that makes it shorter:
//
//	 0 salt of the snapshot           24 length of the payload, 4
//	 8 its number, from 1             28 checksum of the payload
//	16 flags: 1 = compressed,         32 checksum of the header of the block before
//	   2 = the meta, 4 = the footer   36 checksum of 0..35
//	20 length before compression, 4   40 payload
//
// The footer's payload:
//
//	 0 position                       32 bytes of the blocks before compression
//	 8 positions claimed up to        40 offset of the footer's block
//	16 IDs claimed up to              48 offset of the meta's block
//	24 number of blocks before it     56 zeros
//
// The position and the claims are known when the blocks have been written. So they
// are at the end, where who opens the file finds them at once, and who reads it as a
// stream comes to them.
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
// # Snapshots
//
// A snapshot gets its name in this order, so that a crash between any two steps
// loses nothing:
//
//	1  snapshot.tmp is written, synced a piece at a time, and closed
//	2  the log is made durable up to the snapshot's position, whatever its mode
//	3  snapshot.tmp is renamed, and the directory synced
//	4  the control file says the new cutoff
//	5  segments and snapshots before it are removed, and the directory synced
//
// Open goes on from the newest snapshot, and hands out the records after it. If
// that is later than the control file knows, the crash came between 3 and 4: the
// snapshot is whole, because of 1, and the log has what comes after it, because of 2.
// If it is damaged, Open refuses: an older one may lack what the log does not have any
// more. If the log ends before the snapshot's position, the disk has lost what 2 had
// promised, and that is damage too. Files before the cutoff are removed unread.
//
// What the disk refuses in 1, or the renaming, is the failure of the snapshot alone,
// since nothing rests on it: it is removed, and the log goes on. If the directory or
// the control file cannot be synced, the log fails; but a directory that finds no
// room for its names fails the snapshot only. What cannot be removed in 5 stays for
// the next time.
//
// The segment with the last batch is never dropped: it says where the log ends. The
// cutoff keeps the checksum that the first batch behind it names.
//
// A backup that is restored gets an identity of its own, lest the segments of two
// logs be mistaken for each other's, and numbers above the claims in its footer, and
// above 2^40 more: the server that it is from went on after it was taken.
//
// # Streams
//
// Stream 0 is the Table's. Nobody reads it back, so that it is not indexed and
// costs nothing. Of the others the log holds a list of locators in memory, 24
// bytes for a record. There are as many as the segments have records; what was cut
// is not counted. What was in a segment that was dropped is forgotten: the stream
// begins later, or has no records.
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
// A position at the front of a snapshot would have to be written there last, and a
// stream cannot go back. To fall back to the snapshot before one that is damaged, the
// segments since then would have to stay.
//
// # Locks
//
// Log.mu guards what is in memory, reopened.mu the list of the files that Read has
// opened, SnapshotWriter.mu where its next block goes. None is held while the file
// system is called, nor while somebody is woken, nor together with another: the build tag lockcheck checks it. A
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
//	I10 a snapshot has its name only when it and the log up to its position were
//	    synced; what it holds is dropped only when its name and the cutoff were
//
// # Reading the package
//
// log.go is the interface; reserve.go, writer.go, gather.go, allocate.go and
// claim.go are how it goes on; stream.go and reopen.go find records again;
// segment.go, batch.go, record.go and control.go are the bytes; open.go,
// recover.go and tail.go read them all back when the log is opened; inspect.go
// does so for somebody who only looks, through readonly.go; fs.go is what is asked
// of a disk. Of snapshots, snapshot.go and snapshot_block.go are the bytes,
// snapshot_write.go and snapshot_keep.go make them and drop what they hold,
// snapshot_read.go and snapshot_inspect.go read them, and snapshot_restore.go makes
// a log of one.
package stable
