package apiclient

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// decodeProduced reads a block that a server made, SSZ or JSON by its content type. A blinded one is an error: nobody asked for it.
func decodeProduced(spec *params.Spec, header http.Header, body []byte) (*Produced, error) {
	version, blinded := header.Get("Eth-Consensus-Version"), header.Get("Eth-Execution-Payload-Blinded")
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("content type of a produced block: %w", err)
	}
	if media != octets {
		var answer struct {
			Version string          `json:"version"`
			Blinded bool            `json:"execution_payload_blinded"`
			Data    json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, fmt.Errorf("produced block: %w", err)
		}
		version, body = answer.Version, answer.Data
		if answer.Blinded {
			blinded = "true"
		}
	}
	if strings.EqualFold(blinded, "true") {
		return nil, fmt.Errorf("a blinded block was produced, want a full one")
	}
	fork, err := params.ParseFork(strings.ToLower(version))
	if err != nil {
		return nil, fmt.Errorf("version of a produced block: %w", err)
	}
	p := &Produced{Fork: fork}
	node := ssz.Container(&p.Contents.Block)
	if hasBlobs(fork) {
		node = ssz.Container(&p.Contents)
	}
	cx := ssz.Context{Spec: spec, Fork: fork}
	if media == octets {
		err = ssz.Unmarshal(cx, body, node)
	} else {
		err = ssz.UnmarshalJSON(cx, body, node)
	}
	if err != nil {
		return nil, fmt.Errorf("produced block: %w", err)
	}
	return p, nil
}
