package gossip

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// MessageIDSize is the length of a message id in bytes. Ids of another length are to be rejected where they are asked for.
const MessageIDSize = 20

// MessageID names a message by topic and content.
type MessageID [MessageIDSize]byte

// MessageID computes the id of a message as it came: topic and compressed data. On topics of phase 0 the topic is not part of it. Data
// that declares more than the topic's type may have, or more than its bytes can hold, counts as not valid, without being decompressed: nobody
// may send such a message, and gossipsub asks for ids in the loop that everything waits for.
//
// Spec: "Topics and messages" (phase0; modified altair).
func (n *Network) MessageID(topic string, data []byte) (id MessageID) {
	domain, content := n.spec.MessageDomainValidSnappy, data
	most := n.largest
	if t, err := n.Parse(topic); err == nil {
		most = n.bounds[t.Kind][t.Fork].Max
	}
	if plain, err := decompress(data, Bounds{0, most}); err == nil {
		content = plain
	} else {
		domain = n.spec.MessageDomainInvalidSnappy
	}
	era, _, known := n.digest(topic)
	return messageID(domain, topic, content, known && era.Fork == params.Phase0)
}

func messageID(domain types.DomainType, topic string, content []byte, phase0 bool) (id MessageID) {
	h := sha256.New()
	h.Write(domain[:])
	if !phase0 {
		var length [8]byte
		binary.LittleEndian.PutUint64(length[:], uint64(len(topic)))
		h.Write(length[:])
		h.Write([]byte(topic))
	}
	h.Write(content)
	copy(id[:], h.Sum(nil))
	return id
}
