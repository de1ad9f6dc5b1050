// Command reading answers as the programs do that read what we read: Prometheus' own parsers,
// apimachinery's selectors, the kubelet's expansion of $(NAME), the EndpointSlice controller's port,
// client-go's JSONPath, and Go's crypto/x509. One question in JSON a line, one answer a line;
// nothing here restates a rule, and what decides is named beside each.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/jsonpath"
	"k8s.io/endpointslice"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

type question struct {
	Ask      string                `json:"ask"`
	Type     string                `json:"type"`
	Text     string                `json:"text"`
	Selector *metav1.LabelSelector `json:"selector"`
	Labels   map[string]string     `json:"labels"`
	Pod      *v1.Pod               `json:"pod"`
	Port     *v1.ServicePort       `json:"port"`
	Object   any                   `json:"object"`
	Host     string                `json:"host"`
	Trusted  string                `json:"trusted"`
	Key      string                `json:"key"`
	At       time.Time             `json:"at"`
}

type answer map[string]any

var asked = map[string]func(question) (answer, error){
	"page":        page,
	"selects":     selects,
	"expand":      expand,
	"port":        port,
	"path":        path,
	"certificate": certificate,
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asking question
		found := answer{}
		if err := json.Unmarshal(lines.Bytes(), &asking); err != nil {
			found["error"] = err.Error()
		} else if ask, known := asked[asking.Ask]; !known {
			found["error"] = fmt.Sprintf("expected a question, got %q", asking.Ask)
		} else if decided, err := ask(asking); err != nil {
			found["refused"] = err.Error()
		} else {
			found = decided
		}
		if err := out.Encode(found); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// page: every sample, as Prometheus' textparse reads it for this Content-Type.
func page(asking question) (answer, error) {
	parser, err := textparse.New([]byte(asking.Text), asking.Type, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return nil, err
	}
	types, samples := map[string]string{}, [][]any{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return answer{"types": types, "samples": samples}, nil
		}
		if err != nil {
			return nil, err
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = string(kind)
		case textparse.EntrySeries:
			var found labels.Labels
			_, _, value := parser.Series()
			parser.Labels(&found)
			named := found.Map()
			name := named[labels.MetricName]
			delete(named, labels.MetricName)
			samples = append(samples, []any{name, named, strconv.FormatFloat(value, 'g', -1, 64)})
		}
	}
}

// selects: metav1.LabelSelectorAsSelector, then labels.Selector.Matches.
func selects(asking question) (answer, error) {
	selector, err := metav1.LabelSelectorAsSelector(asking.Selector)
	if err != nil {
		return nil, err
	}
	return answer{"selects": selector.Matches(k8slabels.Set(asking.Labels))}, nil
}

// expand: the kubelet's third_party/forked/golang/expansion.
func expand(asking question) (answer, error) {
	return answer{"text": expansion.Expand(asking.Text, expansion.MappingFuncFor(asking.Labels))}, nil
}

// port: the EndpointSlice controller's FindPort.
func port(asking question) (answer, error) {
	number, err := endpointslice.FindPort(asking.Pod, asking.Port)
	if err != nil {
		return answer{"port": nil}, nil
	}
	return answer{"port": number}, nil
}

// path: client-go's util/jsonpath, as `kubectl get -o jsonpath` uses it.
func path(asking question) (answer, error) {
	parsed := jsonpath.New("path").AllowMissingKeys(true)
	if err := parsed.Parse(asking.Text); err != nil {
		return nil, err
	}
	results, err := parsed.FindResults(asking.Object)
	if err != nil {
		return nil, err
	}
	values := []any{}
	for _, set := range results {
		for _, value := range set {
			values = append(values, value.Interface())
		}
	}
	return answer{"values": values}, nil
}

// certificate: crypto/x509's VerifyHostname and Verify, as crypto/tls calls them, for a PEM text: what
// a server shows, its own certificate first, and for the authorities that are trusted; and
// crypto/tls's X509KeyPair for its key.
func certificate(asking question) (answer, error) {
	shown, err := certificates(asking.Text)
	if err != nil {
		return nil, err
	}
	trusted, err := certificates(asking.Trusted)
	if err != nil {
		return nil, err
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: asking.At,
	}
	for _, authority := range trusted {
		options.Roots.AddCert(authority)
	}
	for _, between := range shown[1:] {
		options.Intermediates.AddCert(between)
	}
	_, err = shown[0].Verify(options)
	because := ""
	if err != nil {
		because = err.Error()
	}
	_, err = tls.X509KeyPair([]byte(asking.Text), []byte(asking.Key))
	return answer{
		"covers": shown[0].VerifyHostname(asking.Host) == nil, "because": because, "pair": err == nil,
	}, nil
}

func certificates(text string) ([]*x509.Certificate, error) {
	var parsed []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		each, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, each)
	}
	if len(parsed) == 0 {
		return nil, errors.New("no PEM")
	}
	return parsed, nil
}
