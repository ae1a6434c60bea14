package router

import (
	"fmt"
	"testing"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
)

// What gossipsub has no room for is counted by its topic; what was judged is not.
func TestMessagesThatGossipsubHasNoRoomForAreCounted(t *testing.T) {
	topic, lost := "topic", map[string]int{}
	l := losses{func(topic string) { lost[topic]++ }}
	for _, reason := range []string{
		pubsub.RejectValidationQueueFull, pubsub.RejectValidationThrottled, pubsub.RejectValidationFailed, pubsub.RejectValidationIgnored, pubsub.RejectSelfOrigin,
	} {
		l.RejectMessage(&pubsub.Message{Message: &pb.Message{Topic: &topic}}, reason)
	}
	if fmt.Sprint(lost) != "map[topic:2]" {
		t.Errorf("lost are %v, want 2", lost)
	}
}
