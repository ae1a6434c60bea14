package wire

import "fmt"

// CheckBundle checks that a bundle has as many commitments and proofs as its blobs demand.
// Spec: engine_getPayloadV3 (cancun.md), V5 (osaka.md).
func (cx Context) CheckBundle(b *BlobsBundle) error {
	if n := len(b.Blobs); len(b.Commitments) != n || uint64(len(b.Proofs)) != uint64(n)*cx.proofsPerBlob() {
		return fmt.Errorf("blobs bundle of %d blobs, %d commitments and %d proofs, want %d proofs a blob", n, len(b.Commitments), len(b.Proofs), cx.proofsPerBlob())
	}
	return nil
}

// CheckBlobs checks that there is one entry for each blob asked for, and each blob has all of its proofs.
// Spec: engine_getBlobsV1 (cancun.md), V2, V3 (osaka.md).
func (cx Context) CheckBlobs(p *[]*BlobAndProofs, asked int) error {
	if p == nil {
		return nil
	}
	if len(*p) != asked {
		return fmt.Errorf("%d entries for %d blobs", len(*p), asked)
	}
	for i, b := range *p {
		if b != nil && uint64(len(b.Proofs)) != cx.proofsPerBlob() {
			return fmt.Errorf("blob %d has %d proofs, want %d", i, len(b.Proofs), cx.proofsPerBlob())
		}
	}
	return nil
}

// CheckCells checks that there is one entry for each blob and each cell asked for, and no cell without proof.
// Spec: engine_getBlobsV4 (amsterdam.md).
func CheckCells(p *[]*BlobCellsAndProofs, asked, cells int) error {
	if p == nil {
		return nil
	}
	if len(*p) != asked {
		return fmt.Errorf("%d entries for %d blobs", len(*p), asked)
	}
	for i, b := range *p {
		if b == nil {
			continue
		}
		if len(b.Cells) != cells || len(b.Proofs) != cells {
			return fmt.Errorf("blob %d has %d cells and %d proofs, want %d", i, len(b.Cells), len(b.Proofs), cells)
		}
		for j := range b.Cells {
			if (b.Cells[j] == nil) != (b.Proofs[j] == nil) {
				return fmt.Errorf("blob %d: of cell %d and its proof only one is there", i, j)
			}
		}
	}
	return nil
}
