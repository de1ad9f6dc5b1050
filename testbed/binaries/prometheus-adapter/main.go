// Command prometheus-adapter is prometheus-adapter's own discovery and queries behind a newer
// custom-metrics-apiserver: its released program is of Kubernetes 1.30, and does not compile beside
// the libraries of today.
package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	custom "sigs.k8s.io/prometheus-adapter/pkg/custom-provider"
	external "sigs.k8s.io/prometheus-adapter/pkg/external-provider"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

// A series is known one relist after it was first scraped, and forgotten maxAge after the last time.
const (
	relist = 15 * time.Second
	maxAge = time.Minute
)

// withoutTimeout asks Prometheus for no bound: the client reckons the time that is left of a request
// with the wrong sign, and Prometheus refuses it. The request's own context ends it all the same.
type withoutTimeout struct{ client.GenericAPIClient }

func (c withoutTimeout) Do(
	ctx context.Context, verb, endpoint string, query url.Values,
) (client.APIResponse, error) {
	query.Del("timeout")
	return c.GenericAPIClient.Do(ctx, verb, endpoint, query)
}

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := run(); err != nil {
		klog.ErrorS(err, "prometheus-adapter ends")
		klog.Flush()
		os.Exit(1)
	}
}

func run() error {
	adapter := &cmd.AdapterBase{Name: "prometheus-adapter"}
	prometheus := adapter.Flags().String("prometheus-url", "", "where Prometheus answers")
	rules := adapter.Flags().String("config", "", "file with rules and externalRules")
	if err := adapter.Flags().Parse(os.Args[1:]); err != nil {
		return err
	}
	base, err := url.Parse(*prometheus)
	if err != nil {
		return err
	}
	discovery, err := config.FromFile(*rules)
	if err != nil {
		return err
	}
	mapper, err := adapter.RESTMapper()
	if err != nil {
		return err
	}
	kube, err := adapter.DynamicClient()
	if err != nil {
		return err
	}
	of, err := naming.NamersFromConfig(discovery.Rules, mapper)
	if err != nil {
		return err
	}
	outside, err := naming.NamersFromConfig(discovery.ExternalRules, mapper)
	if err != nil {
		return err
	}
	ctx := genericapiserver.SetupSignalContext()
	answers := withoutTimeout{client.NewGenericAPIClient(http.DefaultClient, base, nil)}
	queries := client.NewClientForAPI(answers, http.MethodGet)
	pods, podSeries := custom.NewPrometheusProvider(mapper, kube, queries, of, relist, maxAge)
	sums, series := external.NewExternalPrometheusProvider(queries, outside, relist, maxAge)
	podSeries.RunUntil(ctx.Done())
	series.RunUntil(ctx.Done())
	adapter.WithCustomMetrics(pods)
	adapter.WithExternalMetrics(sums)
	return adapter.Run(ctx)
}
