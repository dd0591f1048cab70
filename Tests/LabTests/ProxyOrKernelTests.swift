import Glibc
import Lab
import NetCore
import TestSupport
import Testing

@Suite("Lesson 10, proxy or kernel; and berth proxy")
struct ProxyOrKernelTests {
    @Test("a socket that listens is no reservation; socat is a proxy too", arguments: Backend.allCases, [0, 65534])
    func socat(backend: Backend, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "10", "--backend", backend.rawValue)
            try lab.must("answer", "10.88.0.1")
            try lab.red("✗ 1 ", "you said 10.88.0.1, the packet says otherwise")
            try lab.must("answer", "a")
            try lab.green(upTo: 1, of: 6)
            try lab.must("answer", "web")
            try lab.red("✗ 2 ", "you said web, host says otherwise")
            try lab.must("answer", "nobody")
            try lab.green(upTo: 2, of: 6)
            try lab.red("✗ 3 ", "port 8080 of host", "free: any program could listen there")
            // A server is none; nor is a socket that lets others share its port.
            let server = try lab.begin("exec", "host", "socat", "TCP-LISTEN:8080,fork,reuseaddr", "/dev/null")
            try wait(lab, listening(8080))
            try lab.red("✗ 3 ", "a program listens there: that is a server, and not a reservation")
            server.kill()
            try lab.type("host", "pkill -x socat || true")
            func hold(_ option: String) throws -> RunningChild {
                let child = try lab.begin(
                    "exec", "host", "python3", "-c",
                    "import socket,time;s=socket.socket();\(option);s.bind(('',8080));print('bound',flush=True);time.sleep(60)"
                )
                // Seen by nobody. Whoever tried whether it is taken could have it himself when this one comes.
                try child.expect("bound", within: 30)
                return child
            }
            let shared = try hold("s.setsockopt(1,2,1)")
            try lab.red("✗ 3 ", "free: any program could listen there")
            shared.kill()
            try lab.type("host", "pkill -x python3 || true; sleep 0.2")
            let own = try hold("0")
            try lab.green(upTo: 3, of: 6)
            own.kill()
            try lab.type("host", "pkill -x python3 || true; sleep 0.2")
            try lab.red("✗ 4 ", "port 8080 of host", "a program listens there")
            // The rule is still there: no program gets a packet.
            let relay = try lab.begin("exec", "host", "socat", "TCP-LISTEN:8080,fork,reuseaddr", "TCP:10.88.0.2:80")
            defer { relay.kill() }
            try wait(lab, listening(8080))
            try lab.must("answer", "10.88.0.1")
            try lab.red("✗ 4 ", "taken by a program of host", "rewritten to 10.88.0.2:80")
            try lab.type(
                "host", backend == .nft ? "nft flush chain ip lab prerouting" : "iptables -t nat -F PREROUTING")
            try lab.must("answer", "198.51.100.2")
            try lab.red("✗ 4 ", "you said 198.51.100.2, web says otherwise")
            try lab.must("answer", "c")
            try lab.green(upTo: 4, of: 6)
            try lab.must("answer", "one")
            try lab.red("✗ 5 ", "you said one, web says otherwise")
            try lab.must("answer", "b")
            // Both traces, as they are.
            let shown = try lab.must("check", exits: 1).split(separator: "\n").map {
                $0.split(separator: " ").joined(separator: " ")
            }
            let expected = [
                "1st: to 198.51.100.2:8080 2nd: to 10.88.0.2:80", "client out by eth0 host out by br0",
                "inet in by eth0 host out by vweb", "inet out by eth1 web in by eth0",
                "host in by eth0 web a program takes it", "host a program takes it",
            ]
            host.expect(Array(shown.drop { !$0.hasPrefix("1st") }.prefix(6)), is: expected, "both traces")
            try lab.green(upTo: 5, of: 6)
            try lab.red("✗ 6 ", "no program listens there", "seen:     a program listens there")
            relay.kill()
            try lab.type("host", "pkill -x socat || true; sleep 0.2")
            try lab.red("✗ 6 ", "refused by host")
            try lab.type(
                "host",
                backend == .nft
                    ? "nft add rule ip lab prerouting ip daddr 198.51.100.2 tcp dport 8080 dnat to 10.88.0.2:80"
                    : "iptables -t nat -A PREROUTING -d 198.51.100.2 -p tcp --dport 8080 -j DNAT --to 10.88.0.2:80")
            try lab.green(upTo: 6, of: 6)
        }
    }

    @Test("a proxy to the wrong place is red", arguments: [0, 65534])
    func wrong(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "10", "--backend", "nft")
            try lab.must("solve", "--step", "3")
            try lab.type("host", "nft flush ruleset; pkill -x berth-proxy; berth proxy -d 8080 10.88.0.3:80")
            try lab.must("answer", "c")
            try lab.red("✗ 4 ", "web does not show it now")
        }
    }

    /// What a relay must do, with programs that are not ours at both ends.
    @Test(
        "berth proxy carries bytes both ways, half-closed ones too, and resets what it cannot carry",
        arguments: [0, 65534])
    func relay(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "standard")
            let program = """
                import asyncio
                async def echo(r,w):
                    while b:=await r.read(65536):
                        w.write(b)
                        await w.drain()
                    w.close()
                async def main():
                    async with await asyncio.start_server(echo,None,7,backlog=1000) as s: await s.serve_forever()
                asyncio.run(main())
                """
            let echo = try lab.begin("exec", "web", "python3", "-c", program)
            defer { echo.kill() }
            try wait(lab, listening(7), in: "web")
            try lab.type("host", "berth proxy --detach 7 → web:7; berth proxy -d '[::1]:9' '[fd00:88::2]:7'")
            // 3 MB there and back: more than any buffer; the sender shuts its half first.
            // Each world counts its processes from 1: $$ is no name of a file that others may have, too.
            let whole = "f=$(mktemp) && trap 'rm -f $f' EXIT && head -c 3000000 /dev/urandom >$f && "
            let same = "<$f | cmp - $f && echo same"
            host.expect(
                try lab.type("client", whole + "socat -t5 - TCP:198.51.100.2:7 " + same), is: "same\n",
                "IPv4")
            host.expect(
                try lab.type("host", whole + "socat -t5 - 'TCP6:[::1]:9' " + same), is: "same\n", "::1")
            // More at once than it takes: they wait, and each is served.
            let many = """
                import socket
                all=[socket.create_connection(("198.51.100.2",7),20) for _ in range(300)]
                for n,s in enumerate(all): s.sendall(b"%04d"%n)
                def whole(s):
                    b=b""
                    while len(b)<4:
                        c=s.recv(4-len(b))
                        if not c: break
                        b+=c
                    s.close()
                    return b
                print(all and [whole(s) for s in all]==[b"%04d"%n for n in range(300)])
                """
            let outcome = try host.run(lab.words(["exec", "client", "python3", "-c", many]), seconds: 60)
            host.expect(outcome.text, is: "True\n", "300 at once: \(outcome)")
            // Nobody is there.
            let lost = try lab.begin("exec", "host", "berth", "proxy", "8081", "10.88.0.3:1")
            defer { lost.kill() }
            try wait(lab, listening(8081))
            let reset = try lab.lab("exec", "client", "curl", "-sS", "--max-time", "5", "198.51.100.2:8081")
            // The reset comes before curl has seen the connection, or after.
            host.expect([7, 56].contains(reset.exitCode), "\(reset)")
            try lab.type("host", "pkill -x berth-proxy")
            let told = lost.wait(seconds: 10)
            host.expect(
                told.errorOutput.holds("berth: proxy: a connection to 10.88.0.3:1 failed, its client was reset"),
                "\(told)")
        }
    }

    @Test("berth proxy says what is wrong, and with what")
    func errors() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 65534)
            try lab.must("start", "standard")
            func fails(_ words: String, _ sentences: String..., exits code: Int32 = 1) throws {
                let outcome = try lab.lab("exec", "host", "sh", "-c", "berth proxy \(words)")
                host.expect(outcome.exitCode, is: code, "\(words): \(outcome)")
                for sentence in sentences {
                    host.expect(outcome.errorOutput.holds(sentence), "\(words): \(outcome)")
                }
            }
            try fails("", "usage: berth proxy", exits: 2)
            try fails("8080", "usage: berth proxy", exits: 2)
            try fails("--reserve 8080 10.88.0.2:80", "usage: berth proxy", exits: 2)
            try fails("0 10.88.0.2:80", "cannot listen at \"0\"", "E-NAME")
            try fails("8080 10.88.0.2", "cannot ask \"10.88.0.2\"", "[fd00:88::2]:80")
            try fails("8080 moon:80", "nobody is called moon", "neither a node of the lab")
            try fails("192.0.2.77:8080 web:80", "192.0.2.77 is not this network's")
            try lab.type("host", "berth proxy -d --reserve 8080")
            try fails("8080 web:80", "port 8080: it is taken", "a socket that does not listen holds it", "E-EXISTS")
            try lab.type("host", "pkill -x berth-proxy; berth proxy -d 8080 web:80")
            try fails("8080 web:80", "it is taken", "berth-proxy listens there")
            try fails("--reserve 8080", "cannot reserve port 8080", "berth-proxy listens there")
            // What was refused has left nothing.
            host.expect(try lab.type("host", "pgrep -c -x berth-proxy"), is: "1\n", "proxies")
        }
    }

    private func listening(_ port: Int) -> String { "ss -Hltn | grep -q ':\(port) '" }

    /// Until the line succeeds in the node, half a minute at most.
    private func wait(_ lab: LabHost, _ line: String, in node: String = "host") throws {
        for _ in 0..<500 {
            if try lab.lab("exec", node, "sh", "-c", line).exitCode == 0 { return }
            usleep(20_000)
        }
        lab.host.expect(false, "in vain: \(line)")
    }
}
