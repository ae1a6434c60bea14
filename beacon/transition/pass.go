package transition

import (
	"fmt"
	"runtime"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

// passSteps chooses what a pass over the registry does.
type passSteps struct {
	inactivity bool // process_inactivity_updates
	rewards    bool // process_rewards_and_penalties
	candidates bool // whom process_registry_updates and process_slashings concern
}

// candidates are the few validators that registry updates and slashings concern, ascending.
type candidates struct {
	queue    []types.ValidatorIndex // is_eligible_for_activation_queue
	eject    []types.ValidatorIndex // active, balance too small, exit not begun
	activate []types.ValidatorIndex // is_eligible_for_activation
	slashed  []types.ValidatorIndex
}

// append adds the candidates of a later share of the registry.
func (c *candidates) append(later candidates) {
	c.queue = append(c.queue, later.queue...)
	c.eject = append(c.eject, later.eject...)
	c.activate = append(c.activate, later.activate...)
	c.slashed = append(c.slashed, later.slashed...)
}

// pass is one walk over a share of the registry's columns, a page at a time, with what its steps need to know.
type pass struct {
	s                 *State
	previous, current types.Epoch
	leak              bool
	bias, recovery    uint64
	deltas            deltaTable
	report            RewardReporter
	found             candidates
}

// runPass walks over the registry, several shares of it at the same time. Altair and later.
func runPass(s *State, steps passSteps, report RewardReporter) (candidates, error) {
	base := pass{
		s: s, previous: s.GetPreviousEpoch(), current: s.GetCurrentEpoch(), leak: s.IsInInactivityLeak(),
		bias: s.Spec().InactivityScoreBias, recovery: s.Spec().InactivityScoreRecoveryRate, report: report,
	}
	if steps.rewards {
		if err := base.deltas.init(s); err != nil {
			return candidates{}, err
		}
		s.Balances.Open()
	}
	if steps.inactivity {
		s.InactivityScores.Open()
	}
	n := s.Validators.Len()
	if report != nil {
		err := base.walk(steps, 0, n)
		return base.found, err
	}
	shares := make([]pass, runtime.GOMAXPROCS(0))
	// Scores are as long as balances, so that what begins a branch of one begins a branch of the other.
	err := plist.Parallel(n, s.Balances.Cut, func(share, from, to int) error {
		p := base
		err := p.walk(steps, from, to)
		shares[share] = p
		return err
	})
	var found candidates
	for i := range shares {
		found.append(shares[i].found)
	}
	return found, err
}

// walk takes the validators from one to before another through the steps.
func (p *pass) walk(steps passSteps, from, to int) error {
	for i := from; i < to; {
		run := p.s.Validators.From(i)
		length := min(len(run.Slashed), to-i)
		if steps.inactivity || steps.rewards {
			var err error
			if length, err = p.dutyRun(i, length, run, steps); err != nil {
				return err
			}
		}
		if steps.candidates {
			p.findRun(i, length, run)
		}
		i += length
	}
	return nil
}

// dutyRun updates the scores and balances of at most n validators from i on, as far as all columns lie together, and
// returns how many those are.
func (p *pass) dutyRun(i, n int, v types.ValidatorColumns, steps passSteps) (int, error) {
	flags := p.s.PreviousEpochParticipation.From(i)
	scores := p.s.InactivityScores.From(i)
	balances := p.s.Balances.From(i)
	n = min(n, len(flags), len(scores), len(balances))
	var standing [64]standing
	any := p.standings(standing[:n], flags, v)
	if any == 0 {
		return n, nil
	}
	if steps.inactivity {
		if err := p.inactivityRun(i, standing[:n], scores[:n]); err != nil {
			return 0, err
		}
		scores = p.s.InactivityScores.From(i)
	}
	if steps.rewards {
		return n, p.rewardsRun(i, standing[:n], v.EffectiveBalance, scores, balances)
	}
	return n, nil
}

// standings fills in the standing of each validator and returns them joined. Exited validators stand between active ones
// all over the registry, so that a branch here would often be foreseen wrongly.
func (p *pass) standings(out []standing, flags []uint8, v types.ValidatorColumns) (any standing) {
	for k := range out {
		active := bit(v.ActivationEpoch[k] <= p.previous) & bit(p.previous < v.ExitEpoch[k])
		st := -standing(active) & (eligible | participates(flags[k]))
		if v.Slashed[k] {
			st &= eligible
			if p.previous+1 < v.WithdrawableEpoch[k] {
				st = eligible
			}
		}
		out[k] = st
		any |= st
	}
	return any
}

// bit is 1 for true.
func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// standing is what rewards and scores of a validator depend on: bit 7 whether it had duties in the previous epoch, the
// low bits its flags if it was active and is not slashed.
type standing uint8

const eligible standing = 1 << 7

func participates(flags uint8) standing { return standing(flags & (1<<flagCount - 1)) }

func (st standing) has(flag int) bool { return st>>flag&1 == 1 }

// inactivityRun moves the scores of one run. Spec: process_inactivity_updates (altair).
func (p *pass) inactivityRun(i int, standing []standing, scores []uint64) error {
	if !p.leak && p.bias <= p.recovery && allZero(scores) {
		return nil // what a missed target adds is taken off again at once
	}
	var updated [64]uint64
	changed := false
	for k, st := range standing {
		score := scores[k]
		if st&eligible != 0 {
			if st.has(params.TimelyTargetFlagIndex) {
				score -= min(1, score)
			} else {
				score += p.bias
				if score < p.bias {
					return fmt.Errorf("inactivity score of validator %d: %w", i+k, &params.OverflowError{Op: "uint64 +", Left: scores[k], Right: p.bias})
				}
			}
			if !p.leak {
				score -= min(p.recovery, score)
			}
		}
		updated[k] = score
		changed = changed || score != scores[k]
	}
	if changed {
		copy(p.s.InactivityScores.MutableRange(i, len(standing)), updated[:])
	}
	return nil
}

func allZero(scores []uint64) bool {
	any := uint64(0)
	for _, score := range scores {
		any |= score
	}
	return any == 0
}

// rewardsRun pays the validators of one run. Spec: process_rewards_and_penalties (altair; modified bellatrix).
func (p *pass) rewardsRun(i int, standing []standing, effective []types.Gwei, scores []uint64, balances []types.Gwei) error {
	var updated [64]types.Gwei
	changed := false
	for k, st := range standing {
		balance := balances[k]
		if st&eligible != 0 {
			d, err := p.deltas.of(effective[k])
			if err != nil {
				return fmt.Errorf("base reward of validator %d: %w", i+k, err)
			}
			inactivity, err := p.deltas.inactivity(st, effective[k], scores[k])
			if err != nil {
				return fmt.Errorf("inactivity penalty of validator %d: %w", i+k, err)
			}
			gain, loss := d.gain[st&7], d.loss[st&7]
			switch sum := balance + gain; {
			case p.report != nil || sum < balance || balance < loss || balance-loss < inactivity:
				if balance, err = p.stepByStep(types.ValidatorIndex(i+k), st, d, inactivity, balance); err != nil {
					return err
				}
			default:
				balance = sum - loss - inactivity
			}
		}
		updated[k] = balance
		changed = changed || balance != balances[k]
	}
	if changed {
		copy(p.s.Balances.MutableRange(i, len(standing)), updated[:])
	}
	return nil
}

// stepByStep pays one validator duty by duty, which differs from paying the sums where a balance comes down to nothing on
// the way.
func (p *pass) stepByStep(i types.ValidatorIndex, st standing, d *deltas, inactivity, balance types.Gwei) (types.Gwei, error) {
	pay := func(duty AttestationDuty, reward, penalty types.Gwei) error {
		sum, err := balance.Add(reward)
		if err != nil {
			return fmt.Errorf("balance of validator %d: %w", i, err)
		}
		balance = sum - min(sum, penalty)
		if p.report != nil {
			p.report.AttestationReward(i, duty, reward, penalty)
		}
		return nil
	}
	for f := range flagCount {
		reward, penalty := types.Gwei(0), d.penalty[f]
		if st.has(f) {
			reward, penalty = d.reward[f], 0
		}
		if err := pay(AttestationDuty(f), reward, penalty); err != nil {
			return 0, err
		}
	}
	err := pay(DutyInactivity, 0, inactivity)
	return balance, err
}

// deltas is what validators of one effective balance get and pay.
type deltas struct {
	reward, penalty [flagCount]types.Gwei
	gain, loss      [1 << flagCount]types.Gwei // sums for each combination of flags
}

// deltaTable gives deltas by effective balance in increments.
type deltaTable struct {
	increment     types.Gwei
	perIncrement  types.Gwei        // base reward
	active        uint64            // total active balance in increments
	participating [flagCount]uint64 // what had each flag, in increments
	leak          bool
	denominator   types.Gwei // of the inactivity penalty
	table         []*deltas
	last          types.Gwei
	lastDeltas    *deltas
}

// init prepares the table from the totals of the previous epoch.
// Spec: get_flag_index_deltas, get_base_reward, get_base_reward_per_increment (altair).
func (t *deltaTable) init(s *State) error {
	spec := s.Spec()
	t.increment = spec.EffectiveBalanceIncrement
	quotient := spec.InactivityPenaltyQuotientAltair
	if s.Since(params.Bellatrix) {
		quotient = spec.InactivityPenaltyQuotientBellatrix
	}
	var err error
	if t.denominator, err = types.Gwei(spec.InactivityScoreBias).Mul(quotient); err != nil {
		return within("INACTIVITY_SCORE_BIAS * INACTIVITY_PENALTY_QUOTIENT", err)
	}
	if t.denominator == 0 {
		return broken("INACTIVITY_SCORE_BIAS * INACTIVITY_PENALTY_QUOTIENT > 0", t.denominator, "at least 1")
	}
	t.perIncrement, t.leak = s.GetBaseRewardPerIncrement(), s.IsInInactivityLeak()
	t.active = uint64(s.GetTotalActiveBalance() / t.increment)
	for f, balance := range s.participationTotals().previous {
		t.participating[f] = uint64(max(balance, t.increment) / t.increment)
	}
	largest := max(spec.MaxEffectiveBalance, spec.MaxEffectiveBalanceElectra) / t.increment
	t.table = make([]*deltas, largest+1)
	for i := range t.table {
		if t.table[i], err = t.compute(uint64(i)); err != nil {
			return within("base reward", err)
		}
	}
	t.lastDeltas = t.table[0]
	return nil
}

// compute makes the deltas of an effective balance.
func (t *deltaTable) compute(increments uint64) (*deltas, error) {
	d := &deltas{}
	base, err := t.perIncrement.Mul(increments)
	if err != nil {
		return nil, err
	}
	for f, weight := range params.ParticipationFlagWeights() {
		weighted, err := base.Mul(weight)
		if err != nil {
			return nil, err
		}
		numerator, err := weighted.Mul(t.participating[f])
		if err != nil {
			return nil, err
		}
		if !t.leak {
			d.reward[f] = numerator / types.Gwei(t.active*params.WeightDenominator)
		}
		if f != params.TimelyHeadFlagIndex {
			d.penalty[f] = weighted / params.WeightDenominator
		}
		for combination := range d.gain {
			if combination>>f&1 == 1 {
				d.gain[combination] += d.reward[f]
			} else {
				d.loss[combination] += d.penalty[f]
			}
		}
	}
	return d, nil
}

// of gives the deltas of an effective balance. Most validators have the one of their neighbour.
func (t *deltaTable) of(effective types.Gwei) (*deltas, error) {
	if effective == t.last {
		return t.lastDeltas, nil
	}
	t.last = effective
	increments := uint64(effective / t.increment)
	if increments < uint64(len(t.table)) {
		t.lastDeltas = t.table[increments]
		return t.lastDeltas, nil
	}
	var err error
	t.lastDeltas, err = t.compute(increments)
	return t.lastDeltas, err
}

// inactivity is the penalty for a missed target. Spec: get_inactivity_penalty_deltas (altair; modified bellatrix).
func (t *deltaTable) inactivity(st standing, effective types.Gwei, score uint64) (types.Gwei, error) {
	if score == 0 || st.has(params.TimelyTargetFlagIndex) {
		return 0, nil
	}
	numerator, err := effective.Mul(score)
	return numerator / t.denominator, err
}

// hasPreviousEpoch tells whether there is an epoch to be paid for. Scores, rewards and penalties are for the previous
// epoch, which the genesis epoch has not.
func (s *State) hasPreviousEpoch() bool { return s.GetCurrentEpoch() != params.GenesisEpoch }

// ProcessInactivityUpdates moves the inactivity scores. Spec: process_inactivity_updates (altair).
func ProcessInactivityUpdates(s *State) error {
	if !s.hasPreviousEpoch() {
		return nil
	}
	_, err := runPass(s, passSteps{inactivity: true}, nil)
	return err
}

// ProcessRewardsAndPenalties pays all validators for the previous epoch. Rewards may be nil.
// Spec: process_rewards_and_penalties (phase0; modified altair).
func ProcessRewardsAndPenalties(s *State, rewards RewardReporter) error {
	if !s.hasPreviousEpoch() {
		return nil
	}
	return payForDuties(s, rewards)
}

// GetAttestationDeltas reports what all validators get and pay for the previous epoch and leaves the state as it is.
// Spec: get_attestation_deltas (phase0), get_flag_index_deltas, get_inactivity_penalty_deltas (altair).
func GetAttestationDeltas(s *State, rewards RewardReporter) error {
	return payForDuties(s.Copy(), rewards)
}

func payForDuties(s *State, rewards RewardReporter) error {
	if !s.Since(params.Altair) {
		return payForDutiesPhase0(s, rewards)
	}
	_, err := runPass(s, passSteps{rewards: true}, rewards)
	return err
}
