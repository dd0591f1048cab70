#if Daemon
    /// `berth help socket`.
    enum SocketTopic {
        static let text = """
            THE CONTROL SOCKET

            The daemon listens at /run/berth/berth.sock, which root and the group berth may use (mode 0660). -H and
            BERTH_HOST name another: unix:///PATH, tcp://127.0.0.1:PORT on this machine, or tcp://HOST:PORT with TLS.

            Whoever can speak to it is root on this host: a container that mounts / and runs as root is one request away.
            Joining the group berth is therefore the same as being given root's password.

            It speaks Docker's Engine API, so the stock docker command works with it:

                DOCKER_HOST=unix:///run/berth/berth.sock docker ps

            A program in a container may use it when the socket is mounted there. That container, too, is then root on
            this host: do it only with programs that you would run as root.

                berth run -v /run/berth/berth.sock:/run/berth/berth.sock IMAGE
                berth run -v /run/berth/berth.sock:/var/run/docker.sock IMAGE      (for programs that look for Docker)

            From another machine, with certificates of both sides: BERTH_CERT_PATH (else ~/.berth) holds ca.pem, who signs
            the daemon's certificate, and ours, cert.pem and key.pem. --tlscacert, --tlscert and --tlskey name other files.

                berth daemon -H tcp://0.0.0.0:2376 --tlsverify --tlscacert ca.pem --tlscert server.pem --tlskey server-key.pem
                berth -H tcp://HOST:2376 --tlsverify ps
                export BERTH_HOST=tcp://HOST:2376 BERTH_TLS_VERIFY=1

            Without certificates: forward the socket over SSH, which asks who you are and encrypts.

                ssh -N -L /tmp/berth.sock:/run/berth/berth.sock root@HOST &
                berth -H unix:///tmp/berth.sock ps

            Without a daemon there: start it as root with `berth daemon`.
            """
    }
#endif
