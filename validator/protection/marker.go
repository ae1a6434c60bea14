package protection

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
)

// MarkerName is the name of the marker in the directory of the keystores.
const MarkerName = "slashing-protection.json"

// marker stands beside keystores and says which database has what they signed. With it a database that is lost is missed, and one
// that was restored from somewhere else is not taken for it.
type marker struct {
	Database string `json:"database_id"`
	Genesis  string `json:"genesis_validators_root"`
	Path     string `json:"path"` // where it was made, for people
}

func newMarker(cfg Config, id [16]byte) marker {
	return marker{hex.EncodeToString(id[:]), cfg.GenesisValidatorsRoot.String(), cfg.Path}
}

func (m marker) write(path string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return keystore.WriteSecretFile(path, append(data, '\n'))
}

// checkMarker tells whether a database is the one that the marker names.
func checkMarker(cfg Config, id [16]byte, genesis types.Root) error {
	data, err := keystore.ReadSecretFile(cfg.Marker, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s, which says which database belongs to the keystores, is missing: if %s is the database that all of their "+
			"signatures are in, say so with  cresset protection create", ErrUnusable, cfg.Marker, cfg.Path)
	}
	if err != nil {
		return fmt.Errorf("marker of slashing protection: %w", err)
	}
	var m marker
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%w: marker %s: %w", ErrUnusable, cfg.Marker, err)
	}
	if want := newMarker(cfg, id); m.Database != want.Database {
		return fmt.Errorf("%w: %s has the id %s, but the keystores belong to the database with the id %.64s (%s): put that one back",
			ErrUnusable, cfg.Path, want.Database, m.Database, cfg.Marker)
	}
	if m.Genesis != genesis.String() {
		return fmt.Errorf("%w: marker %s is of the chain with genesis validators root %.80s, the database of %v", ErrUnusable, cfg.Marker, m.Genesis, genesis)
	}
	return nil
}

// exists tells whether there is something at a path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
