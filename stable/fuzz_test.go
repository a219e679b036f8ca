package stable

import (
	"errors"
	"testing"
)

// FuzzOpen: whatever is in a segment, Open returns, and does not allocate for
// more than is there. Behind checksums that are right it finds the fuzzer's
// bytes as records too.
func FuzzOpen(f *testing.F) {
	s := newSample(f, false)
	whole := s.disk.Content(segmentName(1))
	f.Add(whole[segmentHeaderSize:], false)
	f.Add(whole[s.batches[0]+batchHeaderSize:s.batches[1]], true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		found, _, err := s.with(segmentName(1), func(image []byte) []byte {
			body := image[segmentHeaderSize:]
			if sealed {
				body = body[batchHeaderSize:]
			}
			clear(image[segmentHeaderSize:])
			n := copy(body, b)
			if sealed {
				h := batchHeader{salt: saltOf(image), first: 1, records: uint32(n%5 + 1), length: uint32(n), payloadSum: checksum(body[:n])}
				h.encode(image[segmentHeaderSize:])
			}
			return image
		})
		var d *DamageError
		if err != nil && !errors.As(err, &d) {
			t.Fatal(err)
		}
		for _, r := range found {
			if len(r.Payload) > len(b) {
				t.Fatalf("a payload of %d bytes from %d", len(r.Payload), len(b))
			}
		}
	})
}
