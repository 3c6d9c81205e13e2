// Package volumes serves claims: it keeps the default StorageClass, local,
// and makes the storage behind every claim of it.
//
// [Provisioner] leaves the rules of claims and volumes to the upstream
// provisioner library and asks a [Backend] for storage. The backend of the
// single-machine cluster is [Directories]; one that enforces sizes (loop
// devices, a CSI driver) takes its place by implementing the same two
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
// enforced: a pod can fill the disk. For the same reason the class does not
// allow expansion. All access modes are granted, as there is one machine.
//
// # Deleting
//
// A volume's data is deleted when its claim is and its reclaim policy is
// Delete. Only a directory at the very path that belongs to the claim is
// deleted, whatever the volume says, and symbolic links are never followed.
package volumes
