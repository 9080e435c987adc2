// door ADDRESS NAMESPACE TARGET: listens on ADDRESS in the network namespace that it was started in, and dials TARGET in
// the one that the file NAMESPACE stands for. So one address of a closed network is reached, and nothing is routed.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Dials in another network namespace: a socket belongs to the one that its thread is in when it is made.
func dialIn(namespace int, target string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the thread ends with this goroutine, and does no other work in the wrong namespace.
		runtime.LockOSThread()
		if err := unix.Setns(namespace, unix.CLONE_NEWNET); err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := net.Dial("tcp", target)
		done <- result{conn, err}
	}()
	dialed := <-done
	return dialed.conn, dialed.err
}

func serve(near net.Conn, namespace int, target string) {
	defer near.Close()
	far, err := dialIn(namespace, target)
	if err != nil {
		log.Printf("%s: %v", target, err)
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		io.Copy(to, from)
		// The other direction may go on: a watch has long said all that it has to say.
		to.(*net.TCPConn).CloseWrite()
		ended <- struct{}{}
	}
	go pass(far, near)
	go pass(near, far)
	<-ended
	<-ended
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: door ADDRESS NAMESPACE TARGET")
	}
	address, target := os.Args[1], os.Args[3]
	namespace, err := unix.Open(os.Args[2], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		log.Fatalf("%s: %v", os.Args[2], err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		near, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(near, namespace, target)
	}
}
