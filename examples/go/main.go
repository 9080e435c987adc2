// Last night's backup, restored on this computer and proved.
package main

import (
	"path/filepath"

	// `pulumi package add` makes this package in sdks/, and says under which path it is imported.
	etcdrestore "example.com/pulumi-etcd-restore/sdk/go/etcd-restore"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		snapshot, err := filepath.Abs(config.Require(ctx, "snapshot"))
		if err != nil {
			return err
		}
		labDirectory, err := filepath.Abs("last-night")
		if err != nil {
			return err
		}
		clientPort, peerPort := 22379.0, 22380.0
		restored, err := etcdrestore.NewLocalRestore(ctx, "last-night", &etcdrestore.LocalRestoreArgs{
			Snapshot:     snapshot,
			LabDirectory: labDirectory,
			ClientPort:   &clientPort,
			PeerPort:     &peerPort,
			ExpectedKeys: []string{"/registry/namespaces/default"},
		})
		if err != nil {
			return err
		}
		ctx.Export("clientEndpoint", restored.ClientEndpoint)
		ctx.Export("clientKey", restored.ClientKey)
		ctx.Export("etcdctl", restored.Etcdctl)
		ctx.Export("verdict", restored.Verdict)
		ctx.Export("report", restored.Report)
		return nil
	})
}
