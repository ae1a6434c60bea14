package recorded

import "testing"

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
	}
}
