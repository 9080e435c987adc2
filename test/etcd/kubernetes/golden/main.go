// Prints, with Kubernetes' own code, what `kubectl get -o json` prints for stored values:
// the truth that etcd/kubernetes is compared with. README.md here says how it is run.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/kubernetes/scheme"
	aggregatorv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// One key on stdin, as `etcdctl get -w json` gives it.
type stored struct {
	Key         []byte `json:"key"`
	ModRevision int64  `json:"mod_revision"`
	Value       []byte `json:"value"`
}

type golden struct {
	Key         []byte `json:"key"`
	ModRevision int64  `json:"modRevision"`
	Value       []byte `json:"value"`
	// What kubectl prints; empty for values that are no plain object.
	JSON string `json:"json,omitempty"`
}

var decoder = func() runtime.Decoder {
	all := scheme.Scheme
	must(aggregatorv1.AddToScheme(all))
	must(extensionsv1.AddToScheme(all))
	return serializer.NewCodecFactory(all).UniversalDeserializer()
}()

// The object as the API server serves it: versioned type, encoded as JSON, read as kubectl reads it.
func served(value []byte) *unstructured.Unstructured {
	text := value
	if bytes.HasPrefix(value, []byte("k8s\x00")) {
		object, kind, err := decoder.Decode(value, nil, nil)
		must(err)
		object.GetObjectKind().SetGroupVersionKind(*kind)
		text, err = json.Marshal(object)
		must(err)
	}
	object, _, err := unstructured.UnstructuredJSONScheme.Decode(text, nil, nil)
	must(err)
	return object.(*unstructured.Unstructured)
}

func main() {
	var input struct {
		Kvs []stored `json:"kvs"`
	}
	must(json.NewDecoder(os.Stdin).Decode(&input))
	output := []golden{}
	for _, kv := range input.Kvs {
		entry := golden{Key: kv.Key, ModRevision: kv.ModRevision, Value: append([]byte{}, kv.Value...)}
		if bytes.HasPrefix(kv.Value, []byte("k8s\x00")) || bytes.HasPrefix(kv.Value, []byte("{")) {
			object := served(kv.Value)
			object.SetResourceVersion(strconv.FormatInt(kv.ModRevision, 10))
			var text bytes.Buffer
			must((&printers.OmitManagedFieldsPrinter{Delegate: &printers.JSONPrinter{}}).PrintObj(object, &text))
			entry.JSON = text.String()
		}
		output = append(output, entry)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(output))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
