// Command kubernetes is every Kubernetes component of the local cluster in one
// binary, linked once. The component is the name it is called by (a link in the
// same folder), or its first argument: `kubernetes kubelet --help`.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// command returns the named component, built only when asked for: building one
// registers its flags and feature gates process-wide.
func command(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kube-proxy":
		return proxy.NewProxyCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	default:
		return nil
	}
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "kubernetes" && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	if name == "kubectl" {
		kubectl := cmd.NewDefaultKubectlCommand()
		if err := cli.RunNoErrOutput(kubectl); err != nil {
			util.CheckErr(err)
		}
		return
	}
	component := command(name)
	if component == nil {
		fmt.Fprintf(os.Stderr, "expected a component (kube-apiserver, kube-controller-manager, "+
			"kube-scheduler, kube-proxy, kubelet, kubectl), got %q\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(component))
}
