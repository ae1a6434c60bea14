package api

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const rewardsPath = "/eth/v1/beacon/rewards/"

// gwei reads an amount with its sign.
func gwei(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	check(t, err)
	return n
}

// What the members of the sync committee and the proposer of a block are said to have got is by how much their balances have changed, on blocks in memory
// and on the disk.
func TestBlockAndSyncRewardsAreWhatBalancesChangeBy(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Altair, params.Fulu} {
		w := newSimnet(t, fork)
		w.grow(35, 9, 20)
		if w.chain.Snapshot().FinalizedSlot < 12 {
			t.Fatalf("finalized up to slot %d", w.chain.Snapshot().FinalizedSlot)
		}
		paid := int64(0)
		for k, tip := range w.tips[1:] {
			if tip.Slot%5 != 0 && tip.Slot != 35 {
				continue
			}
			before := w.tips[k].State.Copy()
			check(t, transition.ProcessSlots(before, tip.Slot))
			var block struct {
				Data map[string]string
			}
			a := w.get(fmt.Sprint(rewardsPath, "blocks/", tip.Slot)).into(&block)
			final := tip.Slot <= w.chain.Snapshot().FinalizedSlot
			a.flagged(false, final)
			var members struct {
				Data []struct {
					Validator string `json:"validator_index"`
					Reward    string
				}
			}
			w.ask(http.MethodPost, fmt.Sprint(rewardsPath, "sync_committee/", tip.Slot), "").into(&members)
			change := map[string]int64{}
			for _, m := range members.Data {
				change[m.Validator] += gwei(t, m.Reward)
			}
			total := gwei(t, block.Data["total"])
			change[block.Data["proposer_index"]] += total
			paid += total
			if sum := gwei(t, block.Data["attestations"]) + gwei(t, block.Data["sync_aggregate"]); sum != total || block.Data["proposer_slashings"] != "0" || block.Data["attester_slashings"] != "0" {
				t.Errorf("%v, slot %d: %v", fork, tip.Slot, block.Data)
			}
			signed, err := w.store.Block(tip.Root)
			check(t, err)
			for _, withdrawal := range signed.Message.Body.ExecutionPayload.Withdrawals {
				change[fmt.Sprint(withdrawal.ValidatorIndex)] -= int64(withdrawal.Amount)
			}
			for v := range before.Validators.Len() {
				if have, want := change[fmt.Sprint(v)], int64(tip.State.Balances.At(v))-int64(before.Balances.At(v)); have != want {
					t.Errorf("%v, slot %d: validator %d is said to have got %d, its balance has changed by %d", fork, tip.Slot, v, have, want)
				}
			}
			// One of them by index, one by key, and nobody else.
			who, key := members.Data[0].Validator, tip.State.Validators.At(types.ValidatorIndex(gwei(t, members.Data[1].Validator))).Pubkey
			all := members.Data
			members.Data = nil
			w.ask(http.MethodPost, fmt.Sprint(rewardsPath, "sync_committee/", tip.Slot), fmt.Sprintf("[%q,%q,\"900\"]", who, key)).into(&members)
			if len(members.Data) != 2 {
				t.Errorf("%v, slot %d: %v of %v", fork, tip.Slot, members.Data, all)
			}
		}
		if paid == 0 {
			t.Errorf("%v: no proposer was paid", fork)
		}
		var genesis struct{ Data map[string]string }
		if w.get(rewardsPath + "blocks/genesis").into(&genesis); genesis.Data["total"] != "0" {
			t.Errorf("%v: genesis paid %v", fork, genesis.Data)
		}
	}
}

// What attesters are said to have got for an epoch is by how much their balances change at the end of the next one, and who did everything has got what is
// ideal.
func TestAttestationRewardsAreWhatBalancesChangeBy(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Altair, params.Fulu} {
		w := newSimnet(t, fork)
		w.grow(34, 9, 20)
		for _, epoch := range []types.Epoch{0, 1, 2} {
			last := types.Slot(uint64(epoch+2)*w.spec.SlotsPerEpoch) - 1
			before := w.stateAt(last)
			after := before.Copy()
			check(t, transition.ProcessSlots(after, last+1))
			type reward struct {
				Balance                          string `json:"effective_balance"`
				Validator                        string `json:"validator_index"`
				Head, Target, Source, Inactivity string
			}
			var have struct {
				Data struct {
					Ideal []reward `json:"ideal_rewards"`
					Total []reward `json:"total_rewards"`
				}
			}
			path := fmt.Sprint(rewardsPath, "attestations/", epoch)
			w.ask(http.MethodPost, path, "").into(&have).flagged(false, last <= w.chain.Snapshot().FinalizedSlot)
			if len(have.Data.Total) != 64 {
				t.Fatalf("%v, epoch %d: %d rewards", fork, epoch, len(have.Data.Total))
			}
			whole := 0
			for v, r := range have.Data.Total {
				sum := gwei(t, r.Head) + gwei(t, r.Target) + gwei(t, r.Source) + gwei(t, r.Inactivity)
				if want := int64(after.Balances.At(v)) - int64(before.Balances.At(v)); r.Validator != fmt.Sprint(v) || sum != want {
					t.Errorf("%v, epoch %d: validator %s is said to have got %d, its balance changes by %d", fork, epoch, r.Validator, sum, want)
				}
				effective := before.Validators.At(types.ValidatorIndex(v)).EffectiveBalance
				ideal := have.Data.Ideal[effective/w.spec.EffectiveBalanceIncrement-1]
				if ideal.Balance != fmt.Sprint(uint64(effective)) {
					t.Errorf("%v: ideal of %s stands at %d", fork, ideal.Balance, effective)
				}
				if before.PreviousEpochParticipation.At(v) == 7 {
					whole++
					if r.Head != ideal.Head || r.Target != ideal.Target || r.Source != ideal.Source || gwei(t, r.Source) <= 0 {
						t.Errorf("%v, epoch %d: %+v, ideal is %+v", fork, epoch, r, ideal)
					}
				}
			}
			if whole < 40 {
				t.Errorf("%v, epoch %d: only %d did everything", fork, epoch, whole)
			}
			most := w.spec.MaxEffectiveBalance
			if fork >= params.Electra {
				most = w.spec.MaxEffectiveBalanceElectra
			}
			if n := len(have.Data.Ideal); uint64(n) != uint64(most/w.spec.EffectiveBalanceIncrement) {
				t.Errorf("%v: %d ideal rewards", fork, n)
			}
			w.ask(http.MethodPost, path, `["3","900","`+before.Validators.At(5).Pubkey.String()+`"]`).into(&have)
			if n := len(have.Data.Total); n != 2 || have.Data.Total[0].Validator != "3" || have.Data.Total[1].Validator != "5" {
				t.Errorf("%v, epoch %d: %d rewards of two", fork, epoch, n)
			}
		}
		w.refuses([]wrongInput{
			{method: http.MethodPost, path: rewardsPath + "attestations/3", status: 404, says: []string{"epoch 3", "end of epoch 4"}},
			{method: http.MethodPost, path: rewardsPath + "attestations/18446744073709551615", status: 400},
			{method: http.MethodPost, path: rewardsPath + "attestations/x", status: 400, says: []string{"epoch"}},
			{method: http.MethodPost, path: rewardsPath + "attestations/1", body: `["x"]`, status: 400, says: []string{"x"}},
			{method: http.MethodPost, path: rewardsPath + "sync_committee/head", body: `["x"]`, status: 400, says: []string{"x"}},
			{method: http.MethodPost, path: rewardsPath + "sync_committee/9", status: 404},
			{path: rewardsPath + "blocks/9", status: 404, says: []string{"slot 9"}},
			{path: rewardsPath + "blocks/x", status: 400, says: []string{"block ID"}},
		})
	}
}
