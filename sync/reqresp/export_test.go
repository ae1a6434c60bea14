package reqresp

import "github.com/cresset/cresset/beacon/types"

// AppendRequest is a request as it is sent.
func AppendRequest(t *Table, m Method, request Message) ([]byte, error) {
	return t.appendRequest(nil, t.Row(m), request)
}

// AppendChunk is a chunk as it is sent.
func AppendChunk(t *Table, m Method, encoded []byte) []byte {
	return appendChunk(nil, t.Row(m), types.ForkDigest{}, encoded)
}
