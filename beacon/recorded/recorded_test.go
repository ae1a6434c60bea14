package recorded

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/cresset/cresset/beacon/transition"
)

func TestChainsAreWhole(t *testing.T) {
	for name, want := range map[string]struct{ blocks, orphans, columns, blobs int }{
		"deneb-to-fulu": {195, 1, 2560, 44},
		"fulu":          {156, 0, 2688, 0},
	} {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		columns, blobs := 0, 0
		for _, of := range c.Columns {
			columns += len(of)
		}
		for _, of := range c.Blobs {
			blobs += len(of)
		}
		if len(c.Blocks) != want.blocks || len(c.Blocks) != len(c.Manifest.Blocks) || len(c.Orphans) != want.orphans || columns != want.columns || blobs != want.blobs {
			t.Errorf("%s: %d blocks, %d orphans, %d columns, %d blobs, want %+v", name, len(c.Blocks), len(c.Orphans), columns, blobs, want)
		}
		for i, reported := range c.Manifest.Blocks {
			if hash := c.Payloads[i].Request.ExecutionPayload.BlockHash; c.Payloads[i].Slot != reported.Slot || hash.String() != reported.ExecutionBlockHash {
				t.Errorf("%s: block %d has payload %v of slot %d, reported is %s of slot %d", name, i, hash, c.Payloads[i].Slot, reported.ExecutionBlockHash, reported.Slot)
			}
		}
		if head := c.Manifest.Blocks[len(c.Manifest.Blocks)-1]; c.HeadHash().String() != head.ExecutionBlockHash || c.Manifest.Head.StateRoot != head.StateRoot || c.Manifest.Head.Root != head.BlockRoot {
			t.Errorf("%s: head's payload is %v, reported is %+v", name, c.HeadHash(), head)
		}
	}
}

// The files on disk are those of the archive.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	if err := Unpack("fulu", dir); err != nil {
		t.Fatal(err)
	}
	c, err := Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	if config, err := os.ReadFile(filepath.Join(dir, "config.yaml")); err != nil || !bytes.Equal(config, c.Config) {
		t.Errorf("%d bytes of configuration, want %d: %v", len(config), len(c.Config), err)
	}
	blocks, err := os.ReadDir(filepath.Join(dir, "blocks"))
	if err != nil || len(blocks) != len(c.Blocks) {
		t.Errorf("%d files of blocks, want %d: %v", len(blocks), len(c.Blocks), err)
	}
}

// The checks find what differs.
func TestChecksFindDifferences(t *testing.T) {
	c, err := Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := c.GenesisState()
	if err != nil {
		t.Fatal(err)
	}
	s, err := transition.NewState(genesis, transition.NewEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := c.CheckState(s); !found || err != nil {
		t.Errorf("genesis: %v, %v", found, err)
	}
	if err := c.CheckValidators(s); err == nil {
		t.Error("the validators of genesis pass as those of the head")
	}
	s.Balances.Set(0, s.Balances.At(0)+1)
	if found, err := c.CheckState(s); !found || err == nil {
		t.Errorf("another balance: %v, %v", found, err)
	}
	if found, err := c.CheckFinality(s); found || err != nil {
		t.Errorf("checkpoints of slot 0: %v, %v", found, err)
	}
	s.Slot = c.Manifest.Epochs[3].AtSlot
	if found, err := c.CheckFinality(s); !found || err == nil {
		t.Errorf("checkpoints of genesis at slot %d: %v, %v", s.Slot, found, err)
	}
	s.Slot++
	s.Slot++
	if found, _ := c.CheckState(s); found {
		t.Errorf("a recorded state of slot %d", s.Slot)
	}
}
