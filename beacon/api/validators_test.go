package api

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// indicesOf gives the indices in an answer.
func indicesOf(a *answer) (indices []string) {
	a.t.Helper()
	var all struct{ Data []struct{ Index string } }
	a.into(&all)
	for _, v := range all.Data {
		indices = append(indices, v.Index)
	}
	return indices
}

// Validators are chosen by index, key and status, in the query or in the body; ids that nobody has are passed over.
func TestValidatorsAreChosen(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(2)
	s := w.tip().State
	key := s.Validators.Pubkey(5).String()
	upper := "0x" + strings.ToUpper(key[2:])
	nobody := "0x" + strings.Repeat("11", 48)
	for query, want := range map[string]string{
		"?id=3": "[3]", "?id=3,1,3": "[1 3]", "?id=1&id=" + key: "[1 5]", "?id=" + upper + ",5": "[5]", "?id=64,63": "[63]", "?id=" + nobody: "[]",
		"?id=18446744073709551615": "[]", "?id=2&status=active": "[2]", "?id=2&status=active_ongoing,pending": "[2]", "?id=2&status=exited": "[]",
	} {
		if have := fmt.Sprint(indicesOf(w.get(states + "head/validators" + query))); have != want {
			t.Errorf("%q gives %s, want %s", query, have, want)
		}
	}
	for body, want := range map[string]string{
		`{"ids":["3","` + key + `"]}`: "[3 5]", `{"ids":["3"],"statuses":["pending"]}`: "[]", `{"ids":["3"],"statuses":null}`: "[3]",
		`{"ids":["7"],"statuses":["active"],"weather":{"fine":[1]}}`: "[7]", `{"ids":[],"statuses":["withdrawal"]}`: "[]",
	} {
		if have := fmt.Sprint(indicesOf(w.ask(http.MethodPost, states+"head/validators", body))); have != want {
			t.Errorf("%s gives %s, want %s", body, have, want)
		}
	}
	for _, body := range []string{`{}`, `{"ids":null}`, `{"ids":[],"statuses":[]}`, `{"statuses":["active"]}`} {
		if have := indicesOf(w.ask(http.MethodPost, states+"head/validators", body)); len(have) != 64 || have[63] != "63" {
			t.Errorf("%s gives %v", body, have)
		}
	}
	v := w.get(states+"head/validators/"+key).flagged(false, false)
	var one struct {
		Index, Balance, Status string
		Validator              json.RawMessage
	}
	check(t, json.Unmarshal(v.Data, &one))
	var validator types.Validator
	check(t, ssz.UnmarshalJSON(ssz.Context{}, one.Validator, ssz.Container(&validator)))
	if one.Index != "5" || one.Balance != fmt.Sprint(uint64(s.Balances.At(5))) || one.Status != "active_ongoing" || validator != s.Validators.At(5) {
		t.Errorf("validator 5 is %s", v.Data)
	}
	many := "?id=0" + strings.Repeat(",1", 64)
	w.refuses([]wrongInput{
		{path: states + "head/validators/64", status: 404, says: []string{"64"}},
		{path: states + "head/validators/" + nobody, status: 404},
		{path: states + "head/validators/x", status: 400, says: []string{"validator ID", `\"x\"`}},
		{path: states + "head/validators/0x12", status: 400},
		{path: states + "head/validators" + many, status: 414, says: []string{"65", "64"}},
		{path: states + "head/validator_balances" + many, status: 414},
		{path: states + "head/validators?id=", status: 400, says: []string{"id"}},
		{path: states + "head/validators?status=asleep", status: 400, says: []string{"status", "asleep", "active_slashed"}},
		{path: states + "99/validators", status: 404},
		{method: "POST", path: states + "x/validators", body: "{}", status: 400},
		{method: "POST", path: states + "head/validators", status: 400},
		{method: "POST", path: states + "head/validators", body: "[]", status: 400, says: []string{"body"}},
		{method: "POST", path: states + "head/validators", body: `{"ids":["x"]}`, status: 400, says: []string{"ids", `\"x\"`}},
		{method: "POST", path: states + "head/validators", body: `{"ids":[3]}`, status: 400, says: []string{"ids", "text"}},
		{method: "POST", path: states + "head/validators", body: `{"ids":"3"}`, status: 400},
		{method: "POST", path: states + "head/validators", body: `{"statuses":["asleep"]}`, status: 400, says: []string{"statuses", "asleep"}},
		{method: "POST", path: states + "head/validators", body: `{"ids":["3"]} {}`, status: 400},
		{method: "POST", path: states + "head/validators", body: `{"ids":["3"`, status: 400},
		{method: "POST", path: states + "head/validators", body: `{}`, headers: []string{"Content-Type: text/plain"}, status: 415, says: []string{"text/plain"}},
		{method: "POST", path: states + "head/validator_balances", body: `{}`, status: 400},
		{method: "POST", path: states + "head/validator_identities", body: `["0x"]`, status: 400},
	})
	w.ask(http.MethodPost, states+"head/validators", "{}", "Content-Type: application/json; charset=utf-8").wants(http.StatusOK)
}

// Balances and identities are lists of entries of a fixed size, in both formats.
func TestBalancesAndIdentities(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(2)
	s := w.tip().State
	octets := "Accept: application/octet-stream"
	for body, want := range map[string][]int{`["7","2","200"]`: {2, 7}, "": nil, "[]": nil, "null": nil} {
		if want == nil {
			for i := range 64 {
				want = append(want, i)
			}
		}
		balances := w.ask(http.MethodPost, states+"head/validator_balances", body, octets).wants(http.StatusOK).body
		identities := w.ask(http.MethodPost, states+"head/validator_identities", body, octets).wants(http.StatusOK).body
		if len(balances) != 16*len(want) || len(identities) != 64*len(want) {
			t.Fatalf("%q: %d and %d bytes for %d validators", body, len(balances), len(identities), len(want))
		}
		var texts, keys struct{ Data []map[string]string }
		w.ask(http.MethodPost, states+"head/validator_balances", body).into(&texts)
		w.ask(http.MethodPost, states+"head/validator_identities", body).into(&keys)
		for k, i := range want {
			v := s.Validators.At(types.ValidatorIndex(i))
			if binary.LittleEndian.Uint64(balances[16*k:]) != uint64(i) || binary.LittleEndian.Uint64(balances[16*k+8:]) != uint64(s.Balances.At(i)) {
				t.Errorf("balance %d is %x", i, balances[16*k:16*k+16])
			}
			if binary.LittleEndian.Uint64(identities[64*k:]) != uint64(i) || types.BLSPubkey(identities[64*k+8:64*k+56]) != v.Pubkey || binary.LittleEndian.Uint64(identities[64*k+56:]) != uint64(v.ActivationEpoch) {
				t.Errorf("identity %d is %x", i, identities[64*k:64*k+64])
			}
			if have := fmt.Sprint(texts.Data[k]); have != fmt.Sprintf("map[balance:%d index:%d]", s.Balances.At(i), i) {
				t.Errorf("balance %d is %s", i, have)
			}
			if have := fmt.Sprint(keys.Data[k]); have != fmt.Sprintf("map[activation_epoch:0 index:%d pubkey:%v]", i, v.Pubkey) {
				t.Errorf("identity %d is %s", i, have)
			}
		}
	}
	if have := fmt.Sprint(indicesOf(w.get(states + "head/validator_balances?id=9,1"))); have != "[1 9]" {
		t.Errorf("balances of %s", have)
	}
}

// Each status, and each group of them, lets through exactly the validators that have it.
func TestStatuses(t *testing.T) {
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	s := net.GenesisState()
	s.Slot = 8 * 10
	far := params.FarFutureEpoch
	add := func(i int, eligible, active, exit, withdrawable types.Epoch, slashed bool, balance types.Gwei) {
		s.Validators.Set(types.ValidatorIndex(i), types.Validator{
			ActivationEligibilityEpoch: eligible, ActivationEpoch: active, ExitEpoch: exit, WithdrawableEpoch: withdrawable, Slashed: slashed,
		})
		s.Balances.Set(i, balance)
	}
	want := map[string][]int{}
	for i, c := range []struct {
		status                               string
		eligible, active, exit, withdrawable types.Epoch
		slashed                              bool
		balance                              types.Gwei
	}{
		{"pending_initialized", far, far, far, far, false, 1},
		{"pending_queued", 9, 11, far, far, false, 1},
		{"active_ongoing", 1, 10, far, far, false, 1},
		{"active_exiting", 1, 2, 11, 20, false, 1},
		{"active_slashed", 1, 2, 11, 20, true, 1},
		{"exited_unslashed", 1, 2, 10, 11, false, 1},
		{"exited_slashed", 1, 2, 10, 11, true, 1},
		{"withdrawal_possible", 1, 2, 3, 10, false, 1},
		{"withdrawal_done", 1, 2, 3, 10, false, 0},
	} {
		add(i, c.eligible, c.active, c.exit, c.withdrawable, c.slashed, c.balance)
		group, _, _ := strings.Cut(c.status, "_")
		want[c.status] = append(want[c.status], i)
		want[group] = append(want[group], i)
	}
	for name, indices := range want {
		set, err := parseStatuses("status", []string{name})
		check(t, err)
		var out strings.Builder
		stream := ssz.NewStream(&out)
		check(t, writeValidators(stream, s, selection{indices: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, n: 64}, set))
		check(t, stream.Flush())
		var have []struct{ Index, Status string }
		check(t, json.Unmarshal([]byte(out.String()), &have))
		var found []int
		for _, v := range have {
			var i int
			_, err := fmt.Sscan(v.Index, &i)
			check(t, err)
			found = append(found, i)
			if !strings.HasPrefix(v.Status, name) {
				t.Errorf("%s lets %s through", name, v.Status)
			}
		}
		if !slices.Equal(found, indices) {
			t.Errorf("%s lets %v through, want %v", name, found, indices)
		}
	}
}

// A body is refused by its size and by its number of ids before it is read.
func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	long := "[" + strings.Repeat(`"1",`, maxBodyIDs) + `"1"]`
	w.ask(http.MethodPost, states+"head/validator_balances", long).wants(http.StatusRequestEntityTooLarge).says(fmt.Sprint(maxBodyIDs))
	w.ask(http.MethodPost, states+"head/validator_balances", long[:len(long)-5]+"]").wants(http.StatusOK)
	huge := strings.Repeat(" ", maxBody+1)
	w.ask(http.MethodPost, states+"head/validator_balances", huge).wants(http.StatusRequestEntityTooLarge).says(fmt.Sprint(maxBody))
	w.ask(http.MethodPost, states+"head/validators", `{"statuses":[`+strings.Repeat(`"active",`, maxStatuses)+`"active"]}`).wants(http.StatusRequestEntityTooLarge)
}
