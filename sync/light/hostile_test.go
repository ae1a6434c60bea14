package light

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// hostile is a store and a good update, whose copies the tests spoil.
type hostile struct {
	*chain
	store  *LightClientStore
	update *types.LightClientUpdate
	other  *types.LightClientUpdate // just as good, of another block
}

func newHostile(t testing.TB) hostile {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, nil, everybody)
	d := c.add(43, b, b, everybody)
	e := c.add(45, d, d, everybody)
	return hostile{c, c.store(a, params.Gloas), c.update(e, d, b.block), c.update(c.add(46, e, d, everybody), e, d.block)}
}

// copyUpdate is an update that shares nothing with the original.
func (h hostile) copyUpdate() *types.LightClientUpdate {
	raw, err := ssz.Marshal(h.store.Cx, ssz.Container(h.update))
	h.must(err)
	update := new(types.LightClientUpdate)
	h.must(ssz.Unmarshal(h.store.Cx, raw, ssz.Container(update)))
	return update
}

// refused processes an update and checks that it breaks a rule, which the error names, and that the store stays as it was.
func (h hostile) refused(t *testing.T, store *LightClientStore, update *types.LightClientUpdate, currentSlot types.Slot, rule string) {
	t.Helper()
	before := *store
	err := ProcessLightClientUpdate(store, update, currentSlot, h.genesisValidatorsRoot)
	if err == nil || !strings.Contains(err.Error(), rule) {
		t.Errorf("error %v, want one about %q", err, rule)
	}
	if !reflect.DeepEqual(*store, before) {
		t.Error("the store changed")
	}
}

// Every rule of validate_light_client_update refuses what breaks it alone.
func TestHostileUpdates(t *testing.T) {
	h := newHostile(t)
	extra := func(branch []types.Bytes32) []types.Bytes32 { return append([]types.Bytes32{{}}, branch...) }
	for name, c := range map[string]struct {
		spoil func(u *types.LightClientUpdate)
		rule  string
	}{
		"nobody signed": {func(u *types.LightClientUpdate) { clear(u.SyncAggregate.SyncCommitteeBits) }, "MIN_SYNC_COMMITTEE_PARTICIPANTS"},
		"too many bits": {func(u *types.LightClientUpdate) {
			u.SyncAggregate.SyncCommitteeBits = append(u.SyncAggregate.SyncCommitteeBits, 1)
		}, "sync_committee_bits"},
		"finality branch too long":   {func(u *types.LightClientUpdate) { u.FinalityBranch = extra(u.FinalityBranch) }, "finality_branch"},
		"finality branch too short":  {func(u *types.LightClientUpdate) { u.FinalityBranch = u.FinalityBranch[1:] }, "finality_branch"},
		"finality branch of no node": {func(u *types.LightClientUpdate) { u.FinalityBranch = []types.Bytes32{} }, "finality_branch"},
		"committee branch too long":  {func(u *types.LightClientUpdate) { u.NextSyncCommitteeBranch = extra(u.NextSyncCommitteeBranch) }, "next_sync_committee_branch"},
		"committee too small":        {func(u *types.LightClientUpdate) { u.NextSyncCommittee.Pubkeys = u.NextSyncCommittee.Pubkeys[1:] }, "pubkeys"},
		"execution branch too long": {func(u *types.LightClientUpdate) {
			u.AttestedHeader.ExecutionBranch = extra(u.AttestedHeader.ExecutionBranch)
		}, "execution_branch"},
		"field of another fork":          {func(u *types.LightClientUpdate) { u.AttestedHeader.Execution.GasUsed = 1 }, "execution"},
		"attested payload not proved":    {func(u *types.LightClientUpdate) { u.AttestedHeader.ExecutionBlockHash[0]++ }, "is_valid_light_client_header(attested_header)"},
		"attested payload left out":      {func(u *types.LightClientUpdate) { u.AttestedHeader.ExecutionBranch = nil }, "is_valid_light_client_header(attested_header)"},
		"signature of the future":        {func(u *types.LightClientUpdate) { u.SignatureSlot = 47 }, "current_slot >= update.signature_slot"},
		"signature before the block":     {func(u *types.LightClientUpdate) { u.SignatureSlot = 43 }, "signature_slot > update_attested_slot"},
		"finalized after attested":       {func(u *types.LightClientUpdate) { u.FinalizedHeader.Beacon.Slot = 44 }, "update_attested_slot >= update_finalized_slot"},
		"finalized without branch":       {func(u *types.LightClientUpdate) { clear(u.FinalityBranch) }, "update.finalized_header == LightClientHeader()"},
		"finalized genesis with content": {func(u *types.LightClientUpdate) { u.FinalizedHeader.Beacon.Slot = 0 }, "at GENESIS_SLOT"},
		"finalized payload not proved":   {func(u *types.LightClientUpdate) { u.FinalizedHeader.ExecutionBranch[10][0]++ }, "is_valid_light_client_header(finalized_header)"},
		"another finalized block":        {func(u *types.LightClientUpdate) { u.FinalizedHeader = h.other.FinalizedHeader }, "finality_branch leads to"},
		"genesis finalized, not proved":  {func(u *types.LightClientUpdate) { u.FinalizedHeader = types.LightClientHeader{} }, "finality_branch leads to"},
		"committee without branch":       {func(u *types.LightClientUpdate) { u.NextSyncCommitteeBranch = nil }, "update.next_sync_committee == SyncCommittee()"},
		"another committee":              {func(u *types.LightClientUpdate) { u.NextSyncCommittee = h.committee(5).Value }, "next_sync_committee_branch leads to"},
		"one signer more":                {func(u *types.LightClientUpdate) { h.signedBy(u, 20).SyncCommitteeBits.SetBitAt(20, true) }, "FastAggregateVerify"},
		"one signer less":                {func(u *types.LightClientUpdate) { u.SyncAggregate.SyncCommitteeBits.SetBitAt(3, false) }, "FastAggregateVerify"},
		"one signer instead of another": {func(u *types.LightClientUpdate) {
			bits := h.signedBy(u, 20).SyncCommitteeBits
			bits.SetBitAt(3, false)
			bits.SetBitAt(25, true)
		}, "FastAggregateVerify"},
		"signature of another block": {func(u *types.LightClientUpdate) { u.SyncAggregate = h.other.SyncAggregate }, "FastAggregateVerify"},
		"infinite signature": {func(u *types.LightClientUpdate) {
			u.SyncAggregate.SyncCommitteeSignature = types.BLSSignature{0: 0xc0}
		}, "FastAggregateVerify"},
		"signature is no point": {func(u *types.LightClientUpdate) { u.SyncAggregate.SyncCommitteeSignature = types.BLSSignature{} }, "sync committee signature"},
	} {
		t.Run(name, func(t *testing.T) {
			update := h.copyUpdate()
			c.spoil(update)
			h.refused(t, h.store, update, 46, c.rule)
		})
	}
	h.must(ProcessLightClientUpdate(h.store, h.copyUpdate(), 45, h.genesisValidatorsRoot))
}

// signedBy has the first members alone sign an update, rightly.
func (h hostile) signedBy(u *types.LightClientUpdate, members uint64) *types.SyncAggregate {
	u.SyncAggregate = h.sign(&u.AttestedHeader.Beacon, u.SignatureSlot, members)
	return &u.SyncAggregate
}

// A signature counts for one chain and one fork: that of the slot before the one it is for.
func TestSignatureDomain(t *testing.T) {
	h := newHostile(t)
	h.genesisValidatorsRoot[0]++
	h.refused(t, h.store, h.update, 46, "FastAggregateVerify")

	c := newChain(t)
	a := c.add(30, nil, nil, 0)
	b := c.add(38, a, nil, everybody)
	d := c.add(40, b, nil, everybody) // the first of Gloas, still signed under Fulu
	store := c.store(a, params.Gloas)
	c.must(c.process(store, c.update(d, b, nil)))
	late := c.update(d, b, nil)
	late.SignatureSlot = 41
	if err := c.process(c.store(a, params.Gloas), late); err == nil {
		t.Error("a signature under fulu counts under gloas")
	}
}

// An update may not skip a sync committee period; the next one only counts once its committee is known.
func TestPeriods(t *testing.T) {
	c := newChain(t)
	a := c.add(50, nil, nil, 0)
	b := c.add(60, a, a, everybody)
	d := c.add(66, b, a, everybody)
	e := c.add(130, d, a, everybody)
	h := hostile{chain: c}
	store := c.store(a, params.Gloas)
	h.refused(t, store, c.update(d, b, nil), 200, "update_signature_period == store_period")
	c.must(c.process(store, c.update(c.add(62, b, a, everybody), b, a.block)))
	h.refused(t, store, c.update(e, d, nil), 200, "update_signature_period in (store_period, store_period + 1)")
	h.refused(t, store, c.update(c.add(51, a, nil, everybody), a, nil), 200, "update_attested_slot > store.finalized_header.beacon.slot")
	c.must(c.process(store, c.update(d, b, nil)))

	// What the store knows of the next committee an update may repeat and not contradict.
	forged := c.state(62)
	forged.NextSyncCommittee = c.committee(7)
	forged.LatestBlockHeader = types.BeaconBlockHeader{Slot: 62, BodyRoot: b.state.LatestBlockHeader.BodyRoot}
	block := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: 62, Body: b.block.Message.Body}}
	root, err := forged.HashTreeRoot()
	c.must(err)
	block.Message.StateRoot = root
	header, err := block.Message.Header(forged.Cx)
	c.must(err)
	n := &node{block, forged, types.HashTreeRoot(&header)}
	h.refused(t, store, c.update(c.add(63, n, nil, everybody), n, nil), 200, "update.next_sync_committee == store.next_sync_committee")
}

// A store does not judge headers of forks whose form it does not have, and takes no objects of another form.
func TestStoreOfAnOlderForm(t *testing.T) {
	c := newChain(t)
	a := c.add(4, nil, nil, 0)
	b := c.add(8, a, nil, everybody)
	update := c.update(c.add(9, b, nil, everybody), b, nil)
	h := hostile{chain: c}
	h.refused(t, c.store(a, params.Altair), update, 20, "form of altair")
	update.AttestedHeader.Execution, update.AttestedHeader.ExecutionBranch = types.ExecutionPayloadHeader{}, nil
	h.refused(t, c.store(a, params.Bellatrix), update, 20, "is_valid_light_client_header(attested_header)")
	h.refused(t, newHostile(t).store, update, 20, "form of gloas")
}

// Each form's headers say of the payload only what their slot's fork knows, and prove it.
func TestHostileHeaders(t *testing.T) {
	c := newChain(t)
	for slot, name := range map[types.Slot]string{4: "bellatrix", 8: "capella", 16: "deneb", 24: "electra", 40: "gloas"} {
		n := c.add(slot, nil, nil, 0)
		for _, form := range []params.Fork{params.Capella, params.Deneb, params.Electra, params.Gloas} {
			if form < n.state.Cx.Fork {
				continue
			}
			cx := ssz.Context{Spec: c.spec, Fork: form}
			good, err := BlockToLightClientHeader(cx, n.block)
			c.must(err)
			if !IsValidLightClientHeader(cx, &good) {
				t.Errorf("header of %s is not valid in the form of %v", name, form)
			}
			for what, spoil := range map[string]func(h *types.LightClientHeader){
				"gas used":        func(h *types.LightClientHeader) { h.Execution.GasUsed++ },
				"blob gas used":   func(h *types.LightClientHeader) { h.Execution.BlobGasUsed++ },
				"excess blob gas": func(h *types.LightClientHeader) { h.Execution.ExcessBlobGas++ },
				"extra data":      func(h *types.LightClientHeader) { h.Execution.ExtraData = make([]byte, 33) },
				"block hash":      func(h *types.LightClientHeader) { h.ExecutionBlockHash[0]++ },
				"longer branch":   func(h *types.LightClientHeader) { h.ExecutionBranch = make([]types.Bytes32, 40) },
				"branch": func(h *types.LightClientHeader) {
					h.ExecutionBranch = slices.Clone(h.ExecutionBranch)
					if h.ExecutionBranch == nil {
						h.ExecutionBranch = make([]types.Bytes32, types.ExecutionBranchDepth(form))
					}
					h.ExecutionBranch[0][0]++
				},
			} {
				bad := good
				spoil(&bad)
				if IsValidLightClientHeader(cx, &bad) {
					t.Errorf("header of %s with another %s is valid in the form of %v", name, what, form)
				}
			}
		}
	}
}

// A bootstrap is of the trusted block and proves its committee, or there is no store.
func TestHostileBootstraps(t *testing.T) {
	c := newChain(t)
	n := c.add(41, nil, nil, 0)
	for name, s := range map[string]struct {
		spoil func(b *types.LightClientBootstrap)
		rule  string
	}{
		"another block":     {func(b *types.LightClientBootstrap) { b.Header.Beacon.ProposerIndex++ }, "trusted_block_root"},
		"payload":           {func(b *types.LightClientBootstrap) { b.Header.ExecutionBlockHash[0]++ }, "is_valid_light_client_header"},
		"another committee": {func(b *types.LightClientBootstrap) { b.CurrentSyncCommittee = c.committee(3).Value }, "current_sync_committee_branch"},
		"no committee":      {func(b *types.LightClientBootstrap) { b.CurrentSyncCommittee = types.SyncCommittee{} }, "current_sync_committee_branch"},
		"no branch":         {func(b *types.LightClientBootstrap) { b.CurrentSyncCommitteeBranch = nil }, "current_sync_committee_branch"},
		"short branch":      {func(b *types.LightClientBootstrap) { b.CurrentSyncCommitteeBranch = b.CurrentSyncCommitteeBranch[1:] }, "current_sync_committee_branch"},
	} {
		bootstrap, err := CreateLightClientBootstrap(n.state, n.block)
		c.must(err)
		s.spoil(bootstrap)
		if _, err := InitializeLightClientStore(n.state.Cx, n.root, bootstrap); err == nil || !strings.Contains(err.Error(), s.rule) {
			t.Errorf("%s: error %v, want one about %q", name, err, s.rule)
		}
	}
	phase0 := ssz.Context{Spec: c.spec, Fork: params.Phase0}
	var broken *Error
	if _, err := InitializeLightClientStore(phase0, n.root, new(types.LightClientBootstrap)); !errors.As(err, &broken) {
		t.Errorf("a store of phase 0: %v", err)
	}
}

// A committee whose keys are no keys makes an error, not a store that anything can be signed for.
func TestCommitteeWithoutKeys(t *testing.T) {
	h := newHostile(t)
	h.store.CurrentSyncCommittee = types.SyncCommittee{}
	h.refused(t, h.store, h.update, 46, "size of the sync committee")
	h.store.CurrentSyncCommittee = types.SyncCommittee{Pubkeys: make([]types.BLSPubkey, everybody)}
	h.refused(t, h.store, h.update, 46, "member 0 of the sync committee")
}

// Whatever decodes as an update is processed or refused, without a panic, in every form, and a refusal changes nothing.
func FuzzProcessLightClientUpdate(f *testing.F) {
	h := newHostile(f)
	forms := []params.Fork{params.Altair, params.Capella, params.Deneb, params.Electra, params.Gloas}
	for i, form := range forms {
		slot := types.Slot(uint64(h.spec.ForkEpoch(form)) * h.spec.SlotsPerEpoch)
		a := h.add(slot+1, nil, nil, 0)
		b := h.add(slot+2, a, a, everybody)
		update := h.update
		if form < params.Gloas {
			update = h.chain.update(h.add(slot+3, b, a, everybody), b, a.block)
		}
		raw, err := ssz.Marshal(ssz.Context{Spec: h.spec, Fork: form}, ssz.Container(update))
		h.must(err)
		f.Add(byte(i), uint64(47), raw)
	}
	f.Fuzz(func(t *testing.T, form byte, currentSlot uint64, raw []byte) {
		cx := ssz.Context{Spec: h.spec, Fork: forms[int(form)%len(forms)]}
		update := new(types.LightClientUpdate)
		if ssz.Unmarshal(cx, raw, ssz.Container(update)) != nil {
			return
		}
		upgraded, err := UpgradeLCUpdate(cx, params.Gloas, update)
		if err != nil {
			t.Fatalf("an update that decodes is not upgraded: %v", err)
		}
		store := *h.store
		if err := ProcessLightClientUpdate(&store, upgraded, types.Slot(currentSlot), h.genesisValidatorsRoot); err != nil && !reflect.DeepEqual(store, *h.store) {
			t.Fatalf("the store changed with %v", err)
		}
	})
}
