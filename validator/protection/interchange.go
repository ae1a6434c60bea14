package protection

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

const (
	interchangeVersion = "5"
	// maxInterchange bounds what is read of a file: complete histories are long, one key of them is in memory at a time.
	maxInterchange = 4 << 30
)

// ErrInterchange is what errors.Is finds when a file is not an interchange file of this chain.
var ErrInterchange = errors.New("not a valid interchange file")

// Change is what an import did to a key.
type Change struct {
	Before *Mark // nil where the key was not registered
	After  Mark
}

type metadata struct {
	Version string `json:"interchange_format_version"`
	Genesis string `json:"genesis_validators_root"`
}

type signedBlock struct {
	Slot *number `json:"slot"`
	Root *root   `json:"signing_root,omitempty"`
}

type signedAttestation struct {
	Source *number `json:"source_epoch"`
	Target *number `json:"target_epoch"`
	Root   *root   `json:"signing_root,omitempty"`
}

type history struct {
	Pubkey       string              `json:"pubkey"`
	Blocks       []signedBlock       `json:"signed_blocks"`
	Attestations []signedAttestation `json:"signed_attestations"`
}

// number is a decimal number in a string.
type number uint64

func (n *number) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%.40s is not a number in a string", b)
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a number of 64 bits", text)
	}
	*n = number(v)
	return nil
}

func (n number) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatUint(uint64(n), 10) + `"`), nil
}

// root is 32 bytes in hexadecimal.
type root types.Root

func (r *root) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return unhex(r[:], text)
}

func (r root) MarshalJSON() ([]byte, error) { return json.Marshal(types.Root(r).String()) }

func unhex(dst []byte, text string) error {
	digits, ok := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(dst) {
		return fmt.Errorf("%.120q is not 0x and %d bytes in hexadecimal", text, len(dst))
	}
	copy(dst, raw)
	return nil
}

// importBlock raises the mark. A root stays known only where all blocks at the height have it.
func (m *Mark) importBlock(slot types.Slot, signingRoot *types.Root) {
	switch {
	case !m.HasBlock || slot > m.Slot:
		m.HasBlock, m.Slot, m.BlockRoot = true, slot, signingRoot
	case slot == m.Slot && !same(m.BlockRoot, signingRoot):
		m.BlockRoot = nil
	}
}

// importAttestation raises the mark. A root stays known only where all attestations to the height have it and it is theirs that has the highest source.
func (m *Mark) importAttestation(source, target types.Epoch, signingRoot *types.Root) {
	if !m.HasAttestation {
		m.HasAttestation, m.Source, m.Target, m.AttestationRoot = true, source, target, signingRoot
		return
	}
	switch {
	case target > m.Target:
		m.Target, m.AttestationRoot = target, signingRoot
		if source < m.Source {
			m.AttestationRoot = nil
		}
	case source > m.Source, target == m.Target && !same(m.AttestationRoot, signingRoot):
		m.AttestationRoot = nil
	}
	m.Source = max(m.Source, source)
}

func same(a, b *types.Root) bool { return a != nil && b != nil && *a == *b }

// parse reads a file and folds it into a mark a key, in the order of the file.
func parse(r io.Reader, genesis types.Root) (marks map[types.BLSPubkey]*Mark, order []types.BLSPubkey, err error) {
	limited := &io.LimitedReader{R: r, N: maxInterchange}
	d := json.NewDecoder(bufio.NewReaderSize(limited, 1<<20))
	marks = map[types.BLSPubkey]*Mark{}
	var meta *metadata
	data := false
	if err := expect(d, json.Delim('{')); err != nil {
		return nil, nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		switch {
		case name == "metadata" && meta == nil:
			err = d.Decode(&meta)
		case name == "data" && !data:
			data = true
			order, err = parseData(d, marks)
		case name == "metadata" || name == "data":
			err = fmt.Errorf("%v is there twice", name)
		default:
			err = d.Decode(&json.RawMessage{})
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%v: %w", name, err)
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows its end")
	}
	var root types.Root
	switch {
	case meta == nil || !data:
		return nil, nil, errors.New("metadata or data is missing")
	case meta.Version != interchangeVersion:
		return nil, nil, fmt.Errorf("interchange_format_version is %.40q, want %s", meta.Version, interchangeVersion)
	}
	if err := unhex(root[:], meta.Genesis); err != nil {
		return nil, nil, fmt.Errorf("genesis_validators_root: %w", err)
	}
	if root != genesis {
		return nil, nil, fmt.Errorf("it is of another chain: genesis validators root is %v, want %v", root, genesis)
	}
	return marks, order, nil
}

func expect(d *json.Decoder, want json.Delim) error {
	if got, err := d.Token(); err != nil {
		return err
	} else if got != want {
		return fmt.Errorf("%.40v stands where %v should", got, want)
	}
	return nil
}

func parseData(d *json.Decoder, marks map[types.BLSPubkey]*Mark) (order []types.BLSPubkey, err error) {
	if err := expect(d, json.Delim('[')); err != nil {
		return nil, err
	}
	for i := 0; d.More(); i++ {
		var h history
		if err := d.Decode(&h); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		var key types.BLSPubkey
		if err := unhex(key[:], h.Pubkey); err != nil {
			return nil, fmt.Errorf("entry %d: pubkey: %w", i, err)
		}
		m := marks[key]
		if m == nil {
			m = &Mark{Key: key}
			marks[key] = m
			order = append(order, key)
		}
		for j, b := range h.Blocks {
			if b.Slot == nil {
				return nil, fmt.Errorf("entry %d (%v): block %d has no slot", i, key, j)
			}
			m.importBlock(types.Slot(*b.Slot), (*types.Root)(b.Root))
		}
		for j, a := range h.Attestations {
			if a.Source == nil || a.Target == nil {
				return nil, fmt.Errorf("entry %d (%v): attestation %d has no source_epoch or no target_epoch", i, key, j)
			}
			m.importAttestation(types.Epoch(*a.Source), types.Epoch(*a.Target), (*types.Root)(a.Root))
		}
	}
	return order, expect(d, json.Delim(']'))
}

// Import merges an interchange file (EIP-3076, version 5) into the database: of each key the highest counts, whoever has it. Keys that are not registered are
// registered. It is all done in one commit or not at all, and says what each key had before and has now, in the order of the file. A file that is not one of
// this chain is ErrInterchange.
func (s *Store) Import(r io.Reader) ([]Change, error) {
	marks, order, err := parse(r, s.cfg.GenesisValidatorsRoot)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInterchange, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := make([]Change, len(order))
	err = s.updateLocked(order, true, func(mark func(types.BLSPubkey) *Mark) {
		for i, key := range order {
			m, in := mark(key), marks[key]
			if _, registered := s.places[key]; registered {
				before := *m
				changes[i].Before = &before
			}
			if in.HasBlock {
				m.importBlock(in.Slot, in.BlockRoot)
			}
			if in.HasAttestation {
				m.importAttestation(in.Source, in.Target, in.AttestationRoot)
			}
			changes[i].After = *m
		}
	})
	if err != nil {
		return nil, err
	}
	return changes, nil
}

// Export writes an interchange file with keys, with all where none are named: of each the highest block and the highest attestation. A key that is not
// registered is ErrNotRegistered.
func (s *Store) Export(w io.Writer, keys ...types.BLSPubkey) error {
	marks, err := s.Marks(keys...)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if !slices.ContainsFunc(marks, func(m Mark) bool { return m.Key == key }) {
			return fmt.Errorf("%w: %v", ErrNotRegistered, key)
		}
	}
	file := struct {
		Metadata metadata  `json:"metadata"`
		Data     []history `json:"data"`
	}{metadata{interchangeVersion, s.cfg.GenesisValidatorsRoot.String()}, make([]history, len(marks))}
	for i, m := range marks {
		h := history{Pubkey: m.Key.String(), Blocks: []signedBlock{}, Attestations: []signedAttestation{}}
		if m.HasBlock {
			h.Blocks = append(h.Blocks, signedBlock{(*number)(&m.Slot), (*root)(m.BlockRoot)})
		}
		if m.HasAttestation {
			h.Attestations = append(h.Attestations, signedAttestation{(*number)(&m.Source), (*number)(&m.Target), (*root)(m.AttestationRoot)})
		}
		file.Data[i] = h
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(file)
}
