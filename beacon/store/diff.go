package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

// A difference of two states is a row of sections, each with its length in front (a varint):
//
//	skeleton      the state without its lists and without what the base has too, encoded
//	shared        which sync committees and payload timeliness committees are the base's
//	one for each list of diffLists
//
// A list is compared page by page: two states that come from each other share the pages in which they do not differ, and those are
// not looked at. The lists' own forms stand in difflist.go and diffvalidators.go. Everything is compressed afterwards.
//
// The difference between two states does not depend on what they share, only the time it takes does.

// errDiff says that the bytes of a difference make no sense.
var errDiff = errors.New("wrong difference")

// diffList is one list of the state: how it is compared and how it is changed.
type diffList struct {
	// diff appends the difference from base to st.
	diff func(dst []byte, base, st *types.BeaconState) ([]byte, error)
	// apply gives the list of out, which is empty and of the right shape, the base's content changed by what r has.
	apply func(r *reader, base, out *types.BeaconState) error
	// clear empties the list of a state.
	clear func(st *types.BeaconState)
}

// diffLists lists the lists of the state.
func diffLists() []diffList {
	return []diffList{
		registryList(), // first: its length bounds others'
		packedList(func(x *types.BeaconState) *plist.Packed[types.Root] { return &x.BlockRoots }),
		packedList(func(x *types.BeaconState) *plist.Packed[types.Root] { return &x.StateRoots }),
		packedList(func(x *types.BeaconState) *plist.Packed[types.Root] { return &x.HistoricalRoots }),
		packedList(func(x *types.BeaconState) *plist.Packed[types.Bytes32] { return &x.RandaoMixes }),
		objectList(func(x *types.BeaconState) *types.Eth1DataVotes { return &x.Eth1DataVotes }, false),
		objectList(func(x *types.BeaconState) *types.HistoricalSummaries { return &x.HistoricalSummaries }, false),
		numberList(func(x *types.BeaconState) *plist.Packed[types.Gwei] { return &x.Balances }, true),
		numberList(func(x *types.BeaconState) *plist.Packed[types.Gwei] { return &x.Slashings }, false),
		numberList(func(x *types.BeaconState) *plist.Packed[uint64] { return &x.InactivityScores }, true),
		participationList(func(x *types.BeaconState) *plist.Packed[uint8] { return &x.PreviousEpochParticipation }, likePrevious),
		participationList(func(x *types.BeaconState) *plist.Packed[uint8] { return &x.CurrentEpochParticipation }, likeCurrent),
		objectList(func(x *types.BeaconState) *types.PendingDeposits { return &x.PendingDeposits }, true),
		objectList(func(x *types.BeaconState) *types.PendingPartialWithdrawals { return &x.PendingPartialWithdrawals }, true),
		objectList(func(x *types.BeaconState) *types.PendingConsolidations { return &x.PendingConsolidations }, true),
		objectList(func(x *types.BeaconState) *types.Builders { return &x.Builders }, true),
		objectList(func(x *types.BeaconState) *types.BuilderPendingPayments { return &x.BuilderPendingPayments }, false),
		objectList(func(x *types.BeaconState) *types.BuilderPendingWithdrawals { return &x.BuilderPendingWithdrawals }, true),
	}
}

// epochs is the number of epochs from base to st, modulo 2**64.
func epochs(base, st *types.BeaconState) uint64 {
	n := st.Cx.Spec.SlotsPerEpoch
	return uint64(st.Slot)/n - uint64(base.Slot)/n
}

// likePrevious is the base's list that the previous epoch's participation is most like: an epoch later what was current is previous.
func likePrevious(base, st *types.BeaconState) *plist.Packed[uint8] {
	if epochs(base, st) == 1 {
		return &base.CurrentEpochParticipation
	}
	return &base.PreviousEpochParticipation
}

// likeCurrent is the base's list that the current epoch's participation is most like: none, the epoch after.
func likeCurrent(base, st *types.BeaconState) *plist.Packed[uint8] {
	if epochs(base, st) == 0 {
		return &base.CurrentEpochParticipation
	}
	return new(plist.Packed[uint8])
}

// diffStates gives the difference from base to st, which are of the same spec.
func diffStates(base, st *types.BeaconState) ([]byte, error) {
	lists := diffLists()
	sections := make([][]byte, 2+len(lists))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range lists {
		work.Go(func() (err error) {
			sections[2+i], err = l.diff(nil, base, st)
			return err
		})
	}
	skeleton := st.Copy()
	for _, l := range lists {
		l.clear(skeleton)
	}
	sections[1] = shareCommittees(base, skeleton)
	var err error
	sections[0], err = skeleton.MarshalSSZ()
	if err := errors.Join(err, work.Wait()); err != nil {
		return nil, fmt.Errorf("difference of states: %w", err)
	}
	var out []byte
	for _, s := range sections {
		out = binary.AppendUvarint(slices.Grow(out, len(s)+binary.MaxVarintLen64), uint64(len(s)))
		out = append(out, s...)
	}
	return out, nil
}

// applyDiff gives the state that diff leads to from base, which is not changed. They share what they have in common; base is frozen or
// belongs to the caller. It takes any bytes, and any state as base; whether the result is the right state, its root tells.
func applyDiff(base *types.BeaconState, cx ssz.Context, diff []byte) (*types.BeaconState, error) {
	if base.Cx.Spec != cx.Spec {
		return nil, fmt.Errorf("%w: base and result are of different specs", errDiff)
	}
	r := &reader{b: diff}
	st := types.NewBeaconState(cx.Spec, cx.Fork)
	if err := st.UnmarshalSSZ(r.section()); err != nil {
		return nil, fmt.Errorf("%w: skeleton: %w", errDiff, err)
	}
	if err := takeCommittees(&reader{b: r.section()}, base, st); err != nil {
		return nil, err
	}
	for i, l := range diffLists() {
		section := &reader{b: r.section()}
		if err := l.apply(section, base, st); err != nil {
			return nil, fmt.Errorf("list %d: %w", i, err)
		}
		if err := section.end(); err != nil {
			return nil, fmt.Errorf("list %d: %w", i, err)
		}
	}
	return st, r.end()
}

// shareCommittees takes the committees out of a copy of a state that its base has too, and tells which: a byte for each sync committee,
// 0 its own, 1 the base's current, 2 the base's next; a varint for each payload timeliness committee, 0 its own, or one more than the
// number of the base's.
func shareCommittees(base, st *types.BeaconState) []byte {
	if !st.Since(params.Altair) {
		return nil
	}
	var out []byte
	for _, c := range []**ssz.Shared[types.SyncCommittee]{&st.CurrentSyncCommittee, &st.NextSyncCommittee} {
		from := byte(0)
		for i, have := range []*ssz.Shared[types.SyncCommittee]{base.CurrentSyncCommittee, base.NextSyncCommittee} {
			if *c != nil && have != nil && (*c == have || equalCommittees(&(*c).Value, &have.Value)) {
				from, *c = byte(1+i), nil
				break
			}
		}
		out = append(out, from)
	}
	for i, ptc := range st.PTCWindow {
		at := slices.IndexFunc(base.PTCWindow, func(have *types.PTC) bool {
			return have != nil && ptc != nil && (have == ptc || slices.Equal(have.Value, ptc.Value))
		})
		out = binary.AppendUvarint(out, uint64(at+1))
		if at >= 0 {
			st.PTCWindow[i] = nil
		}
	}
	return out
}

func equalCommittees(a, b *types.SyncCommittee) bool {
	return a.AggregatePubkey == b.AggregatePubkey && slices.Equal(a.Pubkeys, b.Pubkeys)
}

// takeCommittees gives a state the committees that are its base's.
func takeCommittees(r *reader, base, st *types.BeaconState) error {
	if !st.Since(params.Altair) {
		return r.end()
	}
	for _, c := range []**ssz.Shared[types.SyncCommittee]{&st.CurrentSyncCommittee, &st.NextSyncCommittee} {
		have := []*ssz.Shared[types.SyncCommittee]{*c, base.CurrentSyncCommittee, base.NextSyncCommittee}
		from := r.number(uint64(len(have) - 1))
		if have[from] == nil {
			return fmt.Errorf("%w: the base has no sync committee", errDiff)
		}
		*c = have[from]
	}
	for i := range st.PTCWindow {
		if at := r.number(uint64(len(base.PTCWindow))); at > 0 {
			st.PTCWindow[i] = base.PTCWindow[at-1]
		}
	}
	return r.end()
}

// reader reads the parts of a difference. After the first that is not there, or out of its bounds, it gives zeros, and end the error.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errDiff, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// number reads a varint of at most limit.
func (r *reader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > limit {
		r.fail("number %d, at most %d is possible", v, limit)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads n bytes.
func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.fail("%d bytes left, %d are needed", len(r.b), n)
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// section reads a part with its length in front.
func (r *reader) section() []byte { return r.bytes(int(r.number(maxState))) }

// end gives the first error; what is left is one.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes are left", len(r.b))
	}
	return r.err
}
