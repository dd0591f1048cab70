import CNI
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Networks

@Suite("Published ports")
struct PublishingTests {
    static func port(_ host: UInt16, _ container: UInt16 = 80, _ proto: String = "tcp", at address: String = "")
        -> PublishedPort
    {
        PublishedPort(hostAddress: address, hostPort: host, containerPort: container, protocolName: proto)
    }

    /// Whether the port of the host leads to the container's.
    static func leads(_ host: PrivateHost, _ port: UInt16, to container: Container, _ target: UInt16 = 80) throws
        -> Bool
    {
        try host.converse(
            .tcp, from: "client", to: Endpoint("192.0.2.1", port), at: container.name,
            listening: Endpoint("0.0.0.0", target), milliseconds: 700) != nil
    }

    static func withClient(_ host: PrivateHost) throws {
        try host.makeNamespace("client")
        try host.cable("out0", ["192.0.2.1/24"], to: "client", "in0", ["192.0.2.2/24"])
    }

    @Test(
        "a port leads in, one for 0 is chosen and answers, and a port in use names its holder before anything changes")
    func conflict() throws {
        try PrivateHost.withNetworks { host, store in
            try PublishingTests.withClient(host)
            let one = try store.join(host, "one", "bridge") {
                $0.ports = [
                    PublishingTests.port(8080), PublishingTests.port(0, 81), PublishingTests.port(0, 81, "udp"),
                ]
            }
            host.expect(try PublishingTests.leads(host, 8080, to: one), "8080 leads to one")
            let chosen = one.attached.ports[1].hostPort
            host.expect(chosen > 1023 && one.attached.ports[2].hostPort > 1023, "\(one.attached.ports)")
            host.expect(try PublishingTests.leads(host, chosen, to: one, 81), "\(chosen) leads to one")
            let state = try host.must("nft list table inet berth")
            let (status, words) = try store.refusal {
                _ = try store.join(host, "two", "bridge") { $0.ports = [PublishingTests.port(8080)] }
            }
            host.expect(status, is: 409, "the status of a port in use")
            host.expect(words.contains("8080/tcp is already published by container one "), words)
            host.expect(words.contains("plugin type"), is: false, "libcni's frame in \(words)")
            host.expect(try host.must("nft list table inet berth"), is: state, "the rules after the refusal")
            host.expect(try store.network("bridge")["Containers"]?.object?.count, is: 1, "containers in inspect")
            host.expect(
                try Files.names(in: "\(store.files.leases)/bridge").filter { $0.hasPrefix("172.") }, is: ["\(one.v4)"],
                "leases after the refusal")
        }
    }

    @Test(
        "ports are added and taken away while a container runs; those that stay never refuse, nor does an open connection end"
    )
    func live() throws {
        try PrivateHost.withNetworks { host, store in
            try PublishingTests.withClient(host)
            var one = try store.join(host, "one", "bridge") { $0.ports = [PublishingTests.port(8080)] }
            let server = """
                import socket
                s = socket.create_server(("0.0.0.0", 80), backlog=1024)
                while True:
                    c, _ = s.accept()
                    c.close()
                """
            let client = """
                import socket, sys, time
                held = socket.create_connection(("192.0.2.1", 8080), timeout=2)
                end, count = time.time() + 4, 0
                while time.time() < end:
                    try:
                        socket.create_connection(("192.0.2.1", 8080), timeout=5).close()
                        count += 1
                    except OSError as e:
                        print("refused after", count, e); sys.exit(1)
                print("held", count)
                """
            try host.inside("one") { _ = try host.start(["python3", "-c", server]) }
            usleep(300_000)
            let caller = try host.inside("client") { try host.start(["python3", "-c", client]) }
            usleep(200_000)
            for round in 0..<6 {
                let more = round % 2 == 0 ? [PublishingTests.port(9090), PublishingTests.port(0, 81)] : []
                one.attached = try store.publish(
                    [PublishingTests.port(8080)] + more, one.id, namespace: one.namespace, on: one.attached)
                host.expect(one.attached.ports.count, is: 1 + more.count, "ports after round \(round)")
                let rules = try host.must("nft list map inet berth fwd_any4")
                host.expect(rules.contains("tcp . 9090"), is: !more.isEmpty, "9090 in round \(round): \(rules)")
            }
            let outcome = caller.wait(seconds: 15)
            host.expect(outcome.exitCode == 0 && outcome.text.hasPrefix("held"), "\(outcome)")
            // The chain finds everything in its place, though nobody told it.
            let program = try OwnProgram.find("berth-cni", store.pluginPath)
            let check = try host.run(
                [program, "check", store.files.list("bridge"), one.namespace],
                environment: [
                    "CNI_CONTAINERID": one.id, "CNI_PATH": store.pluginPath[0],
                    "BERTH_CNI_CACHE_DIR": store.files.cache,
                ])
            host.expect(check.exitCode == 0, "\(check)")
            // The neighbours' way, too, is as before.
            let hairpin = try host.must("nft list map inet berth hairpin4")
            host.expect(hairpin.contains("\(one.v4)"), hairpin)
            let two = try store.join(host, "two", "bridge") { $0.ports = [PublishingTests.port(9191)] }
            let before = try host.must("nft list table inet berth")
            let (status, words) = try store.refusal {
                _ = try store.publish(
                    [PublishingTests.port(8080), PublishingTests.port(9191)], one.id, namespace: one.namespace,
                    on: one.attached)
            }
            host.expect(status == 409 && words.contains("by container two "), "\(status) \(words)")
            host.expect(try host.must("nft list table inet berth"), is: before, "the rules after a refusal")
            try store.leave(one)
            try store.leave(two)
            let rules = try host.must("nft list table inet berth")
            host.expect(!rules.contains("9191") && !rules.contains("8080"), rules)
            host.expect(try Files.names(in: "/run/berth/attachments"), is: [], "records")
        }
    }

    @Test("from no ports to some of both families, and to none again; what an exchange left is cleared away")
    func fromNone() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "dual", "EnableIPv6": true])
            var one = try store.join(host, "one", "dual")
            let set = { (ports: [PublishedPort]) throws in
                one.attached = try store.publish(ports, one.id, namespace: one.namespace, on: one.attached)
                return try host.must("nft list table inet berth")
            }
            for _ in 0..<2 {
                let some = try set([PublishingTests.port(8080), PublishingTests.port(5353, 53, "udp")])
                for address in one.addresses {
                    host.expect(some.contains(": \(address) . 80") && some.contains("tcp . 8080"), some)
                }
                host.expect(some.contains("udp . 5353"), some)
                let none = try set([])
                host.expect(!none.contains("8080") && !none.contains("5353"), none)
            }
            _ = try set([PublishingTests.port(8080)])
            // As if the exchange had been killed before its last step: the passing attachment is there.
            try store.files.locked { () throws(NetworkError) in
                var held = try store.files.held(one.id, "dual")!
                held.isPublishing = true
                try store.files.write(held, "dual")
            }
            let chain = ChainProgram(store: store, containerID: one.id, interface: "eth0", namespace: one.namespace)
            let network = try store.find("dual")
            let cache = ResultCache(store.files.cache)
            let attachment = Attachment(network: "dual", containerID: one.id, interface: LinkName("eth0")!)
            guard case .attachment(let cached) = cache.entry(attachment) else { throw HostRefused("nothing cached") }
            try chain.call(
                "portmap", "ADD",
                [
                    "cniVersion": "1.1.0", "name": .string(store.passing(network)), "type": "portmap", "snat": false,
                    "prevResult": cached.result!,
                    "runtimeConfig": ["portMappings": [["hostPort": 9999, "containerPort": 9, "protocol": "tcp"]]],
                ])
            host.expect(try host.must("nft list table inet berth").contains("9999"), "the passing attachment")
            try store.leave(one)
            let rules = try host.must("nft list table inet berth")
            host.expect(!rules.contains("9999") && !rules.contains("8080"), rules)
            host.expect(try Files.names(in: "/run/berth/attachments"), is: [], "records")
        }
    }

    @Test("a port at which a program of the host listens is not taken from it")
    func hostProgram() throws {
        try PrivateHost.withNetworks { host, store in
            let program = "import socket,time; s=socket.create_server(('0.0.0.0',7070)); time.sleep(30)"
            let child = try host.start(["python3", "-c", program])
            usleep(500_000)
            let (status, words) = try store.refusal {
                _ = try store.join(host, "one", "bridge") { $0.ports = [PublishingTests.port(7070)] }
            }
            host.expect(status, is: 409, "the status")
            host.expect(words.contains("\(child.processID)"), words)
        }
    }

    @Test("an address that was asked for is given on a network of one's own, and refused elsewhere")
    func addresses() throws {
        try PrivateHost.withNetworks { host, store in
            _ = try store.create(["Name": "web", "IPAM": ["Config": [["Subnet": "10.6.0.0/24"]]]])
            let one = try store.join(host, "one", "web") {
                $0.addresses = ["10.6.0.77"]
                $0.macAddress = "02:42:0a:06:00:4d"
            }
            host.expect(one.attached.addresses, is: ["10.6.0.77/24"], "the address")
            host.expect(one.attached.macAddress, is: "02:42:0a:06:00:4d", "the MAC address")
            let link = try host.inside("one") { try host.must("ip -o link show eth0") }
            host.expect(link.contains("02:42:0a:06:00:4d"), link)
            let again = try AttachedNetwork(one.attached.json)
            host.expect(again, is: one.attached, "the attachment, written and read")
            for (address, status) in [("10.6.0.77", 409), ("10.7.0.1", 400), ("x", 400)] {
                let seen = try store.refusal {
                    _ = try store.join(host, "n\(status)\(address)", "web") { $0.addresses = [address] }
                }
                host.expect(seen.status, is: status, "the status for \(address): \(seen.words)")
            }
            let seen = try store.refusal { _ = try store.join(host, "two", "bridge") { $0.addresses = ["172.16.0.9"] } }
            host.expect(seen.status == 400 && seen.words.contains("user defined"), seen.words)
        }
    }
}
