package devnet

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// The signature of a transaction is that of the account that it is from, over its fields; a blob travels in a wrapping of version 1 with a proof for each cell.
func TestTransactionsAreSignedByTheirAccount(t *testing.T) {
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[byte]call{
		feeTransaction:  {from: 1, to: types.ExecutionAddress{9}, value: big.NewInt(5), data: []byte{1, 2}},
		blobTransaction: {from: 2, to: types.ExecutionAddress{9}, value: big.NewInt(0), blob: new(kzg.Blob)},
	} {
		encoded, err := c.encode(setup, chainID, 4)
		if err != nil {
			t.Fatal(err)
		}
		if encoded[0] != kind {
			t.Fatalf("the type is %d, want %d", encoded[0], kind)
		}
		var fields []rlp.RawValue
		whole := encoded[1:]
		if c.blob != nil {
			var wrapped []rlp.RawValue
			if err := rlp.DecodeBytes(whole, &wrapped); err != nil || len(wrapped) != 5 {
				t.Fatalf("the wrapping has %d parts (%v), want 5", len(wrapped), err)
			}
			var proofs [][]byte
			if err := rlp.DecodeBytes(wrapped[4], &proofs); err != nil || len(proofs) != 128 || !bytes.Equal(wrapped[1], []byte{1}) {
				t.Errorf("%d proofs, version %x (%v), want 128 and 1", len(proofs), wrapped[1], err)
			}
			whole = wrapped[0]
		}
		if err := rlp.DecodeBytes(whole, &fields); err != nil {
			t.Fatal(err)
		}
		signed, err := rlp.EncodeToBytes(fields[:len(fields)-3])
		if err != nil {
			t.Fatal(err)
		}
		signature := make([]byte, 65)
		for i, at := range []int{64, 0, 32} { // y parity, r, s
			var n big.Int
			if err := rlp.DecodeBytes(fields[len(fields)-3+i], &n); err != nil {
				t.Fatal(err)
			}
			end := 32
			if at == 64 {
				end = 1
			}
			n.FillBytes(signature[at : at+end])
		}
		key, err := crypto.SigToPub(crypto.Keccak256([]byte{kind}, signed), signature)
		if err != nil {
			t.Fatal(err)
		}
		want, err := accountAddress(c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := types.ExecutionAddress(crypto.PubkeyToAddress(*key)); got != want {
			t.Errorf("type %d is signed by %v, want %v", kind, got, want)
		}
	}
}

// A deposit calls the contract's function by its hash, with three strings and a root.
func TestDepositCallsTheContract(t *testing.T) {
	if want := crypto.Keccak256([]byte("deposit(bytes,bytes,bytes,bytes32)"))[:4]; !bytes.Equal(depositSelector[:], want) {
		t.Errorf("the selector is %x, want %x", depositSelector, want)
	}
	keys, err := deriveKeys(leastValidators + 1)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{cfg: Config{Validators: leastValidators}, spec: specOf(t, "fulu"), keys: keys}
	traffic, err := newTraffic(n)
	if err != nil {
		t.Fatal(err)
	}
	c, err := traffic.deposit()
	if err != nil {
		t.Fatal(err)
	}
	key := n.extra().signing.PublicKey().Bytes()
	if at := 4 + 128 + 32; !bytes.Equal(c.data[at:at+48], key[:]) || len(c.data) != 4+13*32 {
		t.Errorf("%d bytes, and the key is not at byte %d", len(c.data), at)
	}
	if want := new(big.Int).Mul(big.NewInt(32), big.NewInt(1e18)); c.value.Cmp(want) != 0 {
		t.Errorf("the deposit is of %v wei, want %v", c.value, want)
	}
}

// Blocks are found to have what they have, and nothing else.
func TestOperationsOf(t *testing.T) {
	body := types.BeaconBlockBody{VoluntaryExits: make([]types.SignedVoluntaryExit, 1)}
	body.ExecutionRequests.Withdrawals = []types.WithdrawalRequest{{Amount: params.FullExitRequestAmount}, {Amount: 5}}
	got := operationsOf(&body)
	want := []operation{voluntaryExit, fullWithdrawal, partialWithdrawal}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// A first checkpoint that is late, or lacks when it has to be there, is an error; one that may still come is none.
func TestTooLate(t *testing.T) {
	for _, c := range []struct {
		epoch, in, head types.Epoch
		late            bool
	}{{2, 2, 5, false}, {2, 3, 5, false}, {3, 4, 5, true}, {0, 0, 3, false}, {0, 0, 4, true}} {
		if err := tooLate("justified", c.epoch, c.in, justifiedBy, c.head); (err != nil) != c.late {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
