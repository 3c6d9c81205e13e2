package arena

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

// The service account under which Ordinal's controller acts here, as it does in a
// pod and as in-tree controllers do, and the role of the cluster's own instance.
const (
	accountNamespace = "kube-system"
	accountName      = "ordinal-controller"
	accountRole      = "ordinal:controller"
	// FencedNamespace is that of the controller which acts behind the fence.
	FencedNamespace = "ordinal-system"
)

// tokenSeconds is how long the account's token is good, longer than any run.
const tokenSeconds = 24 * 60 * 60

// MakeAccounts makes the account, and the other for behind the fence, which has no
// permissions before Fence.
func (c *Cluster) MakeAccounts(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: FencedNamespace}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if err := c.makeAccount(ctx, client, accountNamespace, OurKubeconfig); err != nil {
		return err
	}
	if err := c.makeAccount(ctx, client, FencedNamespace, FencedKubeconfig); err != nil {
		return err
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: accountRole + ":account"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: accountRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: accountNamespace, Name: accountName}},
	}, metav1.CreateOptions{})
	return err
}

// client is an administrator's.
func (c *Cluster) client() (kubernetes.Interface, error) {
	config, err := c.Admin()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// makeAccount makes an account in a namespace, and its kubeconfig.
func (c *Cluster) makeAccount(ctx context.Context, client kubernetes.Interface, namespace, file string) error {
	accounts := client.CoreV1().ServiceAccounts(namespace)
	_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: accountName}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	token, err := accounts.CreateToken(ctx, accountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](tokenSeconds)},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	kubeconfig, err := clientcmd.LoadFromFile(c.path("kubeconfig"))
	if err != nil {
		return err
	}
	current, ok := kubeconfig.Contexts[kubeconfig.CurrentContext]
	if !ok {
		return fmt.Errorf("%s has no context %q", c.path("kubeconfig"), kubeconfig.CurrentContext)
	}
	kubeconfig.AuthInfos = map[string]*api.AuthInfo{accountName: {Token: token.Status.Token}}
	current.AuthInfo = accountName
	return clientcmd.WriteToFile(*kubeconfig, c.Kubeconfig(file))
}
