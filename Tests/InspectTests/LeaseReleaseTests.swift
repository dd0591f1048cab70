import CNI
import Glibc
import IPAM
import NetCore
import TestSupport
import Testing

@testable import Inspect

@Suite struct LeaseReleaseTests {
    /// What is refused, with the directory of leases as it was.
    private static func refusal(_ bench: LeaseBench, _ network: String, _ addresses: String...) throws -> InspectError?
    {
        let before = try bench.contents()
        let refusal = try refused {
            _ = try LeaseRelease(
                addresses, of: network, in: try bench.directories(), state: bench.state, cache: bench.cache)
        }
        bench.host.expect(
            try bench.contents(), is: before, "the leases after \(addresses)")
        return refusal
    }

    @Test("what is no address, not leased, or of no network is refused, and nothing of that call is released")
    func badInput() throws {
        let codes = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("empty", "10.9.0.0/24")
            try bench.lease("web", "10.20.0.2", "gone\r\neth0")
            return [
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.2", "10.20.0"),
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.2/24"),
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.2", "10.20.0.3"),
                try LeaseReleaseTests.refusal(bench, "none", "10.20.0.2"),
                try LeaseReleaseTests.refusal(bench, "empty", "10.9.0.2"),
                try LeaseReleaseTests.refusal(bench, "../networks/web", "10.20.0.2"),
            ].map { $0?.code }
        }
        #expect(codes == [.address, .address, .missing, .missing, .missing, .missing])
    }

    @Test(
        "an address that an attachment uses is refused by its name, and so are those named with it; --force releases it"
    )
    func inUse() throws {
        let (errors, left) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.lease("web", "10.20.0.2", "gone\r\neth0")
            try bench.lease("web", "10.20.0.3", "c3\r\neth0")
            try bench.attach("web", "c3", "10.20.0.3/24")
            // The lease names somebody else than the attachment that uses the address.
            try bench.lease("web", "10.20.0.4", "other\r\neth0")
            try bench.attach("web", "c4", "10.20.0.4/24")
            try bench.lease("web", "10.20.0.5", "c5")
            try bench.remember("web", "c5", "10.20.0.5/24", pendingDelete: "table busy")
            let errors = [
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.2", "10.20.0.3"),
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.4"),
                try LeaseReleaseTests.refusal(bench, "web", "10.20.0.5"),
            ]
            let released = try bench.release("web", "10.20.0.3", "10.20.0.2", "10.20.0.3", force: true)
            host.expect(
                released.text, is: "released 10.20.0.3, which c3/eth0 held\nreleased 10.20.0.2, which gone/eth0 held\n",
                "what is told")
            return (errors, try bench.files("web"))
        }
        #expect(errors.map { $0?.code } == [.inUse, .inUse, .inUse])
        #expect(errors[0]?.cause?.contains("web/c3/eth0") == true && errors[0]?.fix.contains("--force") == true)
        #expect(errors[1]?.cause?.contains("web/c4/eth0") == true)
        #expect(errors[2]?.cause?.contains("DEL of web/c5/eth0 did not finish") == true)
        #expect(left == ["10.20.0.4", "10.20.0.5"])
    }

    @Test("R-10 where the runtime's cache cannot be read, its container's address is neither an orphan nor released")
    func unreadableCache() throws {
        let (check, error, left) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.remember("web", "c9", "10.20.0.9/24")
            for (container, address) in [("c1", "10.20.0.2"), ("c9", "10.20.0.9"), ("gone", "10.20.0.3")] {
                try bench.lease("web", address, "\(container)\r\neth0")
            }
            try Files.replace("\(host.scratch)/cache/results/web-c1-eth0", with: Array("{".utf8))
            let check = try LeaseCheck(in: try bench.directories(), state: bench.state, cache: bench.cache)
            let error = try LeaseReleaseTests.refusal(bench, "web", "10.20.0.2")
            try bench.release("web", "10.20.0.2", force: true)
            return (check, error, try bench.files("web"))
        }
        #expect(check.findings.map { "\($0.address)" } == ["10.20.0.3"])
        #expect(check.notes.count == 1 && check.text.contains("note: /run/scratch/cache/results/web-c1-eth0"))
        #expect(error?.code == .inUse && error?.cause?.contains("web-c1-eth0") == true && left.count == 2)
    }

    @Test("I-4 an empty lease is released, and every spelling of an IPv6 address with it")
    func spellings() throws {
        let left = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.lease("web", "10.20.0.2", "")
            try bench.lease("web", "fd00:20::7", "c7\r\neth0")
            try bench.lease("web", "fd00:20:0::7", "c8\r\neth0")
            try bench.lease("web", "10.20.0.9", "c9\r\neth0")
            host.expect(try bench.release("web", "10.20.0.2", "fd00:20::0007").released.count, is: 3, "released")
            return try bench.files("web")
        }
        #expect(left == ["10.20.0.9"])
    }

    @Test("I-1 what host-local gave, with its index, is released so that the same attachment can have an address again")
    func again() throws {
        let (first, second) = try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.configure("web", "10.20.0.0/24")
            let list = try bench.directories().configured["web"]!.list
            func add(_ container: String) throws -> String {
                let request = Request(
                    command: .add, containerID: container, netns: "/run/netns/\(container)",
                    interface: LinkName("eth0"),
                    configuration: try NetworkConfiguration(
                        try ChainRequest(list: list).attachment(
                            list.plugins[0], capabilities: [:], previousResult: nil)), environment: Environment([:]))
                return "\(try HostLocal().add(request).ips[0].address.address)"
            }
            let first = [try add("c1"), try add("c2")]
            try bench.release("web", first[0])
            return (first, [try add("c1"), try add("c3")])
        }
        #expect(first == ["10.20.0.2", "10.20.0.3"] && second == ["10.20.0.4", "10.20.0.5"])
    }

    @Test("I-1 it waits for whoever has the lock of the network's leases")
    func lock() throws {
        try PrivateHost.run { host in
            let bench = try LeaseBench(host)
            try bench.lease("web", "10.20.0.2", "gone\r\neth0")
            let folder = "\(bench.dataDirectory)/web"
            let holder = try host.start([
                "/bin/sh", "-c",
                "exec 9>\(folder)/lock; flock 9; echo held; sleep 0.5; test -e \(folder)/10.20.0.2 && echo stands",
            ])
            while !holder.printedSoFar().contains("held") { usleep(1000) }
            try bench.release("web", "10.20.0.2")
            let outcome = holder.wait()
            host.expect(
                String(decoding: outcome.output, as: UTF8.self).contains("stands"),
                "released while another had the lock: \(outcome)")
            host.expect(try bench.files("web").isEmpty, "it is released in the end")
        }
    }
}
