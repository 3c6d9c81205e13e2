// Package guard decides whether this controller may act in a namespace.
//
// It may not while another controller of StatefulSets acts there: two of them delete
// pods that the other counts on. What the other one does is seen in the managed fields
// of the objects that come over the watches: that it writes the status of a set, or
// creates a pod or a revision as a set's controller.
//
// It promises that
//   - only what is done while this controller runs is evidence: taking over from one
//     that has ended is none. No two clocks are compared for that;
//   - what is held is the namespace concerned. Who may write statefulsets/status in one
//     namespace cannot stop the controller in another;
//   - a hold ends by itself, when the other controller has been silent for a while, the
//     longer the more often it has come back;
//   - where this controller is alone, nothing is kept for it of any object.
//
// What it cannot see: another controller that changes nothing, or one of the same field
// manager, which is another instance of this one. Leader election is for that.
package guard
