import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Networks

@Suite("Names on networks of one's own (berth-names)")
struct NamesTests {
    /// Answers A with 203.0.113.5; big.example is cut short by UDP, and refused.example does not exist.
    static let upstream = """
        import socket, struct, threading
        def reply(q, cut):
            end = q.index(b"\\0", 12) + 5
            name = q[12:end - 4]
            if name == b"\\x07refused\\x07example\\0":
                return q[:2] + b"\\x81\\x83" + struct.pack(">4H", 1, 0, 0, 0) + q[12:end]
            if cut:
                return q[:2] + b"\\x83\\x80" + struct.pack(">4H", 1, 0, 0, 0) + q[12:end]
            count = 200 if b"big" in name else 1
            record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xcb\\0\\x71\\5"
            return q[:2] + b"\\x81\\x80" + struct.pack(">4H", 1, count, 0, 0) + q[12:end] + record * count
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 53))
        t = socket.create_server(("127.0.0.1", 53))
        def streams():
            while True:
                c, _ = t.accept()
                n = struct.unpack(">H", c.recv(2))[0]
                a = reply(c.recv(n), False)
                c.sendall(struct.pack(">H", len(a)) + a)
                c.close()
        threading.Thread(target=streams, daemon=True).start()
        print("ready", flush=True)
        while True:
            q, who = u.recvfrom(4096)
            if b"silent" in q: continue
            # What another may have sent is no answer.
            u.sendto(b"\\0\\0" + reply(q, False)[2:], who)
            u.sendto(reply(q, b"big" in q), who)
        """

    static func resolve(_ host: PrivateHost, by lines: String) throws {
        try Files.replace("/run/scratch/resolv.conf", with: Array(lines.utf8), mode: 0o644)
        try host.must("mount --bind /run/scratch/resolv.conf /etc/resolv.conf")
    }

    static func responders(_ store: NetworkStore) throws -> [pid_t] {
        let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: "\(store.run)/networks") }
        return try (names ?? []).compactMap { name in
            let bytes = try Files.read("\(store.run)/networks/\(name)")
            return pid_t(String(decoding: bytes.dropLast(), as: UTF8.self)).flatMap { kill($0, 0) == 0 ? $0 : nil }
        }
    }

    @Test("containers find each other by name, short id and alias, forwards and backwards, by UDP and TCP")
    func neighbours() throws {
        try PrivateHost.withNetworks { host, store in
            try NamesTests.resolve(host, by: "")
            _ = try store.create([
                "Name": "web", "EnableIPv6": true,
                "IPAM": ["Config": [["Subnet": "10.6.0.0/24"], ["Subnet": "fd06::/64"]]],
            ])
            let one = try store.join(host, "one", "web") { $0.aliases = ["db"] }
            let two = try store.join(host, "two", "web") { $0.aliases = ["db", "cache"] }
            host.expect(one.attached.nameservers, is: ["10.6.0.1", "fd06::1"], "nameservers")
            for server in one.attached.nameservers {
                for byTCP in [false, true] {
                    let ask = { (name: String, type: UInt16) in
                        try Lookup.ask(host, from: "one", server, name, type, byTCP: byTCP)
                    }
                    let found = try ask("two", 1)
                    host.expect(found?.addresses, is: ["\(two.v4)"], "two at \(server), TCP \(byTCP)")
                    host.expect(found?.isAuthoritative, is: true, "its authority")
                    host.expect(try ask("TWO.Web", 28)?.addresses, is: ["\(two.addresses[1])"], "two's IPv6 address")
                    host.expect(try ask(String(two.id.prefix(12)), 1)?.addresses, is: ["\(two.v4)"], "by short id")
                    let both = Set(try ask("db", 1)?.addresses ?? [])
                    host.expect(both, is: ["\(one.v4)", "\(two.v4)"], "an alias of two")
                    host.expect(try ask("3.0.6.10.in-addr.arpa", 12)?.names, is: ["two.web"], "backwards")
                    host.expect(try ask("77.0.6.10.in-addr.arpa", 12)?.code, is: 3, "nobody's address")
                    let none = try ask("two", 15)
                    host.expect(none?.code == 0 && none?.addresses == [], "a type that two has not: \(none!)")
                    host.expect(try ask("nobody", 1)?.code, is: 2, "an unknown name without resolvers")
                }
            }
            host.expect(try NamesTests.responders(store).count, is: 1, "responders")
            try store.rename(two.id, to: "zwei")
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", "zwei")?.addresses, is: ["\(two.v4)"], "the new name")
            host.expect(try Lookup.ask(host, from: "one", "10.6.0.1", "two")?.code, is: 2, "the old one")
            try store.leave(two)
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", "db")?.addresses, is: ["\(one.v4)"], "after two left")
            host.expect(try Lookup.ask(host, from: "one", "10.6.0.1", "cache")?.code, is: 2, "two's alias")
            try store.leave(one)
            host.expect(try NamesTests.responders(store), is: [], "responders without containers")
            host.expect(try Files.names(in: "\(store.run)/networks"), is: [], "their files")
            host.expect(Files.exists(store.files.names("web")), is: false, "the file of the names")
        }
    }

    @Test(
        "others are asked of the host's resolvers as they are at the time, past dead ones; TCP where UDP is too short")
    func upstream() throws {
        try PrivateHost.withNetworks { host, store in
            let program = try host.start(["python3", "-c", NamesTests.upstream])
            for _ in 0..<500 where !program.printedSoFar().contains("ready") { usleep(20_000) }
            try NamesTests.resolve(host, by: "nameserver 127.0.0.9\nnameserver 127.0.0.1\n")
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]]])
            _ = try store.join(host, "one", "web")
            let ask = { (name: String, byTCP: Bool) in try Lookup.ask(host, from: "one", "10.6.0.1", name, byTCP: byTCP)
            }
            host.expect(try ask("example.org", false)?.addresses, is: ["203.0.113.5"], "a name of the world")
            host.expect(try ask("example.org", true)?.addresses, is: ["203.0.113.5"], "by TCP")
            host.expect(try ask("refused.example", false)?.code, is: 3, "what does not exist")
            host.expect(try ask("big.example", false)?.isTruncated, is: true, "a long answer by UDP")
            host.expect(try ask("big.example", true)?.addresses.count, is: 200, "a long answer by TCP")
            // One that never answers holds nobody up.
            let slow = try host.inside("one") {
                try host.start([
                    "python3", "-c",
                    "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(8); "
                        + "s.sendto(b'\\0\\x07\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\6silent\\0\\0\\1\\0\\1',('10.6.0.1',53)); "
                        + "print(s.recv(512)[3] & 15)",
                ])
            }
            for _ in 0..<20 { host.expect(try ask("example.org", false)?.code, is: 0, "beside a silent one") }
            host.expect(slow.wait(seconds: 9).text, is: "2\n", "the code for a silent one")
            // The file changes under the responder, and then has nobody.
            try host.must("sh -s", input: "echo 'nameserver 127.0.0.8' > /run/scratch/resolv.conf")
            host.expect(try ask("example.org", false)?.code, is: 2, "when the resolver is gone")
        }
    }

    @Test("only the network's own are answered, and on an internal network nothing leaves it")
    func closed() throws {
        try PrivateHost.withNetworks { host, store in
            let program = try host.start(["python3", "-c", NamesTests.upstream])
            for _ in 0..<500 where !program.printedSoFar().contains("ready") { usleep(20_000) }
            try NamesTests.resolve(host, by: "nameserver 127.0.0.1\n")
            _ = try store.create(["Name": "web", "Internal": true, "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]]])
            let one = try store.join(host, "one", "web")
            host.expect(try Lookup.ask(host, from: "one", "10.6.0.1", "example.org")?.code, is: 2, "the world")
            host.expect(try Lookup.ask(host, from: "one", "10.6.0.1", "one")?.addresses, is: ["\(one.v4)"], "itself")
            try PublishingTests.withClient(host)
            try host.inside("client") { try host.must("ip route add default via 192.0.2.1") }
            for byTCP in [false, true] {
                let answer = try Lookup.ask(
                    host, from: "client", "10.6.0.1", Lookup.query("one", 1), byTCP: byTCP, milliseconds: 400)
                host.expect(answer == nil, "a stranger is answered: \(answer ?? [])")
            }
        }
    }

    @Test("it lives while nobody looks after it, bridge gone and back; one that was killed is started again")
    func survival() throws {
        try PrivateHost.withNetworks { host, store in
            try NamesTests.resolve(host, by: "")
            _ = try store.create([
                "Name": "web", "Options": ["com.docker.network.bridge.name": "wbr0"],
                "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]],
            ])
            let one = try store.join(host, "one", "web")
            let first = try NamesTests.responders(store)
            let session = try host.must("ps -o pid=,ppid=,pgid=,sid= -p \(first[0])").split(separator: " ")
            host.expect(
                session.last.map { !$0.hasPrefix("\(getsid(0))") }, is: true, "a session of its own: \(session)")
            // Its address goes and comes: the socket stays.
            try host.must("ip address del 10.6.0.1/24 dev wbr0")
            try host.must("ip address add 10.6.0.1/24 dev wbr0")
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", "one")?.addresses, is: ["\(one.v4)"], "afterwards")
            for pid in first { kill(pid, SIGKILL) }
            for _ in 0..<500 where !(try NamesTests.responders(store).isEmpty) { usleep(10_000) }
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", Lookup.query("one", 1), milliseconds: 200) == nil, "dead")
            try store.resume()
            try store.resume()
            host.expect(try Lookup.ask(host, from: "one", "10.6.0.1", "one")?.addresses, is: ["\(one.v4)"], "again")
            host.expect(try NamesTests.responders(store).count, is: 1, "responders")
            // Whatever comes by the wire.
            try host.inside("one") {
                try host.must(
                    "python3 -",
                    input: """
                        import os, random, socket
                        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        for _ in range(5000):
                            s.sendto(os.urandom(random.randint(0, 200)), ("10.6.0.1", 53))
                        held = []
                        for _ in range(80):
                            c = socket.socket(); c.setblocking(False); c.connect_ex(("10.6.0.1", 53)); held.append(c)
                        for c in held[:40]:
                            try: c.send(os.urandom(random.randint(1, 400)))
                            except OSError: pass
                        """)
            }
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", "one")?.addresses, is: ["\(one.v4)"], "after noise")
            host.expect(
                try Lookup.ask(host, from: "one", "10.6.0.1", "one", byTCP: true)?.addresses, is: ["\(one.v4)"],
                "by TCP after noise")
        }
    }
}
