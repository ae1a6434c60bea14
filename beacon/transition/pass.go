package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
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

// pass is one walk over the registry's columns, a page at a time, with what its steps need to know.
type pass struct {
	s                 *State
	previous, current types.Epoch
	leak              bool
	bias, recovery    uint64
	deltas            deltaTable
	report            RewardReporter
	found             candidates
}

// runPass walks over the registry. Altair and later.
func runPass(s *State, steps passSteps, report RewardReporter) (candidates, error) {
	p := pass{
		s: s, previous: s.GetPreviousEpoch(), current: s.GetCurrentEpoch(), leak: s.IsInInactivityLeak(),
		bias: s.Spec().InactivityScoreBias, recovery: s.Spec().InactivityScoreRecoveryRate, report: report,
	}
	if steps.rewards {
		if err := p.deltas.init(s); err != nil {
			return candidates{}, err
		}
	}
	n := s.Validators.Len()
	for i := 0; i < n; {
		run := s.Validators.From(i)
		length := len(run.Slashed)
		if steps.inactivity || steps.rewards {
			var err error
			if length, err = p.dutyRun(i, run, steps); err != nil {
				return candidates{}, err
			}
		}
		if steps.candidates {
			p.findRun(i, length, run)
		}
		i += length
	}
	return p.found, nil
}

// dutyRun updates the scores and balances of validators i and following, as far as all columns lie together, and returns
// how many those are.
func (p *pass) dutyRun(i int, v types.ValidatorColumns, steps passSteps) (int, error) {
	flags := p.s.PreviousEpochParticipation.From(i)
	scores := p.s.InactivityScores.From(i)
	balances := p.s.Balances.From(i)
	n := min(len(v.Slashed), len(flags), len(scores), len(balances))
	var standing [64]standing
	any := false
	for k := range n {
		active := v.ActivationEpoch[k] <= p.previous && p.previous < v.ExitEpoch[k]
		switch {
		case active && !v.Slashed[k]:
			standing[k] = eligible | participates(flags[k])
			any = true
		case active || v.Slashed[k] && p.previous+1 < v.WithdrawableEpoch[k]:
			standing[k] = eligible
			any = true
		}
	}
	if !any {
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

// standing is what rewards and scores of a validator depend on: bit 7 whether it had duties in the previous epoch, the
// low bits its flags if it was active and is not slashed.
type standing uint8

const eligible standing = 1 << 7

func participates(flags uint8) standing { return standing(flags & (1<<flagCount - 1)) }

func (st standing) has(flag int) bool { return st>>flag&1 == 1 }

// inactivityRun moves the scores of one run. Spec: process_inactivity_updates (altair).
func (p *pass) inactivityRun(i int, standing []standing, scores []uint64) error {
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
