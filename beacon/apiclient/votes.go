package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// container asks for one container in JSON, of a fork that the caller knows.
func (c *Client) container(ctx context.Context, q query, cx ssz.Context, o ssz.Object) error {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	q.method, q.most = http.MethodGet, smallAnswer
	if err := c.ask(ctx, q, &answer); err != nil {
		return err
	}
	return ssz.UnmarshalJSON(cx, answer.Data, ssz.Container(o))
}

// AttestationData gives what to vote for; the committee counts until Deneb only. Spec: produceAttestationData.
func (c *Client) AttestationData(ctx context.Context, cx ssz.Context, slot types.Slot, committee types.CommitteeIndex) (*types.AttestationData, error) {
	data := new(types.AttestationData)
	values := url.Values{"slot": {decimal(slot)}, "committee_index": {decimal(committee)}}
	return data, c.container(ctx, query{path: "/eth/v1/validator/attestation_data", values: values}, cx, data)
}

// AggregateAttestation gives the best aggregate of a committee's votes. Spec: getAggregatedAttestationV2.
func (c *Client) AggregateAttestation(ctx context.Context, cx ssz.Context, data types.Root, slot types.Slot, committee types.CommitteeIndex) (*types.Attestation, error) {
	a := new(types.Attestation)
	values := url.Values{"attestation_data_root": {data.String()}, "slot": {decimal(slot)}, "committee_index": {decimal(committee)}}
	return a, c.container(ctx, query{path: "/eth/v2/validator/aggregate_attestation", values: values}, cx, a)
}

// SyncContribution gives the best aggregate of a subcommittee. Spec: produceSyncCommitteeContribution.
func (c *Client) SyncContribution(ctx context.Context, cx ssz.Context, slot types.Slot, subcommittee uint64, block types.Root) (*types.SyncCommitteeContribution, error) {
	x := new(types.SyncCommitteeContribution)
	values := url.Values{"slot": {decimal(slot)}, "subcommittee_index": {decimal(subcommittee)}, "beacon_block_root": {block.String()}}
	return x, c.container(ctx, query{path: "/eth/v1/validator/sync_committee_contribution", values: values}, cx, x)
}

// sendList hands in a list of containers in JSON. An ItemsError says that some of them were refused.
func sendList[T any, P interface {
	*T
	ssz.Object
}](ctx context.Context, c *Client, path string, cx ssz.Context, items []T) error {
	body, err := ssz.MarshalJSON(cx, ssz.List[T, P](&items, ssz.Cap(uint64(len(items)), false)))
	if err != nil {
		return err
	}
	header := http.Header{"Eth-Consensus-Version": {cx.Fork.String()}}
	_, err = c.send(ctx, query{path: path, body: body, header: header, items: len(items)})
	return err
}

const poolAttestations = "/eth/v2/beacon/pool/attestations"

// SubmitAttestations hands in votes until Deneb. Spec: submitPoolAttestationsV2.
func (c *Client) SubmitAttestations(ctx context.Context, cx ssz.Context, votes []types.Attestation) error {
	return sendList(ctx, c, poolAttestations, cx, votes)
}

// SubmitSingleAttestations hands in votes since Electra. Spec: submitPoolAttestationsV2.
func (c *Client) SubmitSingleAttestations(ctx context.Context, cx ssz.Context, votes []types.SingleAttestation) error {
	return sendList(ctx, c, poolAttestations, cx, votes)
}

// SubmitAggregates hands in aggregates. Spec: publishAggregateAndProofsV2.
func (c *Client) SubmitAggregates(ctx context.Context, cx ssz.Context, aggregates []types.SignedAggregateAndProof) error {
	return sendList(ctx, c, "/eth/v2/validator/aggregate_and_proofs", cx, aggregates)
}

// SubmitSyncMessages hands in messages of members of the sync committee. Spec: submitPoolSyncCommitteeSignatures.
func (c *Client) SubmitSyncMessages(ctx context.Context, cx ssz.Context, messages []types.SyncCommitteeMessage) error {
	return sendList(ctx, c, "/eth/v1/beacon/pool/sync_committees", cx, messages)
}

// SubmitContributions hands in contributions. Spec: publishContributionAndProofs.
func (c *Client) SubmitContributions(ctx context.Context, cx ssz.Context, contributions []types.SignedContributionAndProof) error {
	return sendList(ctx, c, "/eth/v1/validator/contribution_and_proofs", cx, contributions)
}

// Head gives the root of the head, and whether the execution client has not verified it yet. Spec: getBlockRoot.
func (c *Client) Head(ctx context.Context) (block types.Root, optimistic bool, err error) {
	var answer struct {
		Optimistic *bool `json:"execution_optimistic"`
		Data       struct {
			Root *root `json:"root"`
		} `json:"data"`
	}
	q := query{method: http.MethodGet, path: "/eth/v1/beacon/blocks/head/root", most: smallAnswer}
	if err := c.ask(ctx, q, &answer); err != nil {
		return types.Root{}, false, err
	}
	if answer.Optimistic == nil || answer.Data.Root == nil {
		return types.Root{}, false, fmt.Errorf("%s: execution_optimistic or root is missing", q.path)
	}
	return types.Root(*answer.Data.Root), *answer.Optimistic, nil
}

const (
	octets = "application/octet-stream"
	// maxBlockAnswer bounds a block with its blobs, in JSON.
	maxBlockAnswer = 64 << 20
)

// Produced is a block that lacks its signature.
type Produced struct {
	Contents types.BlockContents // without blobs before deneb, and since gloas
	Fork     params.Fork
}

// ProduceBlock gives a block for a slot, full, with its blobs. The zero graffiti leaves the text to the node. Spec: produceBlockV3.
func (c *Client) ProduceBlock(ctx context.Context, spec *params.Spec, slot types.Slot, randao types.BLSSignature, graffiti types.Bytes32) (*Produced, error) {
	q := query{
		method: http.MethodGet, path: "/eth/v3/validator/blocks/" + decimal(slot), most: maxBlockAnswer,
		values: url.Values{"randao_reveal": {randao.String()}, "builder_boost_factor": {"0"}},
		header: http.Header{"Accept": {octets + ";q=1,application/json;q=0.5"}},
	}
	if graffiti != (types.Bytes32{}) {
		q.values.Set("graffiti", graffiti.String())
	}
	r, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return decodeProduced(spec, r.header, r.body)
}

// PublishBlock hands in a signed block with its blobs, and tells whether the server could import it: where it could not, it has published it all the same.
// Spec: publishBlockV2.
func (c *Client) PublishBlock(ctx context.Context, cx ssz.Context, block *types.SignedBlockContents) (imported bool, err error) {
	node := ssz.Container(&block.SignedBlock)
	if hasBlobs(cx.Fork) {
		node = ssz.Container(block)
	}
	body, err := ssz.Marshal(cx, node)
	if err != nil {
		return false, err
	}
	header := http.Header{"Eth-Consensus-Version": {cx.Fork.String()}, "Content-Type": {octets}}
	code, err := c.send(ctx, query{path: "/eth/v2/beacon/blocks", body: body, header: header, also: http.StatusAccepted})
	return code == http.StatusOK, err
}

func hasBlobs(fork params.Fork) bool { return fork >= params.Deneb && fork < params.Gloas }
