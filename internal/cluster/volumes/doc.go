// Package volumes serves claims: it keeps the default StorageClass, local,
// and makes the storage behind every claim of it.
//
// [Provisioner] leaves the rules of claims and volumes to the upstream
// provisioner library, lets claims grow, and asks a [Backend] for storage. The
// backend of the single-machine cluster is [Directories]; one that enforces
// sizes (loop devices, a CSI driver) takes its place by implementing the same
// methods.
//
// # Where the data is
//
//	<dir>/<namespace>/<claim>/<uid of the claim>
//
// The last part keeps a claim made anew apart from the data its predecessor
// left behind. It is a directory of its own, as a claim's name may already
// be as long as a file's.
//
// # Who may read it
//
// Volume directories have mode 0777, as emptyDir volumes do, so that
// containers of any user can write. What protects them is <dir> itself: its
// mode is 0700, no other user of the machine gets past it, and containers do
// not need to, since their volume is mounted into them. Volumes are of type
// local, so that fsGroup works.
//
// # What directories cannot do
//
// A directory has no size. The size a claim asks for is recorded and not
// enforced: a pod can fill the disk. All access modes are granted, as there is
// one machine. A directory has no attributes either that a VolumeAttributesClass
// could change.
//
// # Growing
//
// A claim that asks for more gets it, mounted or not, with the steps and events
// of a driver that enlarges volumes without the node's help; grow.go has them.
// Nothing is enforced and nothing set aside: when the disk has less left than
// the claim grew by, an event says so and the growth is granted.
//
// The upstream controller for growth, persistentvolume-expander, runs as well,
// and leaves volumes of type local to whoever made them: it says so in an event,
// ExternalExpanding, as it does for every driver that is not in Kubernetes. So
// does the kubelet, once the claim says that the node has no part in it. It
// would take its time: it looks about once a minute.
//
// A volume that a person made for the class grows when that person raises its
// capacity; the kubelet then does the rest. The claim says so.
//
// # Deleting
//
// A volume's data is deleted when its claim is and its reclaim policy is
// Delete. Only a directory at the very path that belongs to the claim is
// deleted, whatever the volume says, and symbolic links are never followed.
package volumes
