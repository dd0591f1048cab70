import CNI
import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

/// `berth doctor` on berth's own objects: every sabotage is named, and mended where it is ours to mend.
@Suite("The doctor names what is wrong, and mends what is berth's")
struct DoctorTests {
    private static let lists = "/run/scratch/net.d"

    private static func look(fix: Bool = false) throws -> Doctor {
        let directories = LeaseDirectories(try ConfiguredNetworks(in: lists))
        return try Doctor(
            of: StateDirectory(), in: directories, cache: ResultCache("/run/scratch/cache"), fix: fix)
    }

    /// What is done, which rule must name it with which word, and whether --fix mends it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rule: Doctor.Rule
        let word: String
        let isMended: Bool
        let commit: @Sendable (PrivateHost, Attached) throws -> Void
    }

    static let cases: [Case] = [
        Case(testDescription: "the namespace is gone", rule: .deadContainer, word: "/run/netns/c1", isMended: true) {
            host, attached in
            try host.removeNamespace("c1")
            try host.awaitEnd(of: attached)
        },
        Case(
            testDescription: "another namespace has the path", rule: .deadContainer, word: "another namespace",
            isMended: true
        ) { host, attached in
            // Made while the first still stands: the kernel gives the number of one that is gone to the next.
            try host.makeNamespace("other")
            try host.removeNamespace("c1")
            try host.awaitEnd(of: attached)
            try host.must("touch /run/netns/c1")
            try host.must("mount --bind /run/netns/other /run/netns/c1")
        },
        Case(testDescription: "an ADD that was killed", rule: .halfAttached, word: "has not ended", isMended: true) {
            host, attached in
            try host.must("sed -i s/\\\"done\\\"/\\\"pending\\\"/ \(attached.record)")
        },
        Case(
            testDescription: "rules of which nothing else is left", rule: .orphanRules, word: "portmap", isMended: true
        ) { host, attached in
            try host.must("ip link delete \(attached.hostEnd!)")
            try host.must("rm \(attached.record)")
            for family in AddressFamily.allCases { try host.must("rm \(attached.lease(family))") }
        },
        Case(
            testDescription: "a cable and rules without a record", rule: .unrecorded, word: "no record", isMended: false
        ) { host, attached in try host.must("rm \(attached.record)") },
        Case(
            testDescription: "a lease that nobody has", rule: .leaseWithoutAttachment, word: "stranger", isMended: true
        ) { _, _ in
            try Files.replace("/var/lib/cni/networks/net1/10.22.0.99", with: Array("stranger\r\neth0".utf8))
        },
        Case(
            testDescription: "an empty lease", rule: .unreadableLease, word: "empty or garbled", isMended: true
        ) { _, _ in try Files.replace("/var/lib/cni/networks/net1/10.22.0.98", with: []) },
        Case(
            testDescription: "an attachment's lease is gone", rule: .attachmentWithoutLease, word: "10.22.0.3",
            isMended: false
        ) { host, attached in try host.must("rm \(attached.lease(.v4))") },
    ]

    @Test(
        "rank 3 a sabotage is named by its rule, --fix mends what is berth's, and the rest stays told", arguments: cases
    )
    func sabotage(_ one: Case) throws {
        try PrivateHost.run { host in
            try CheckTests.network(tuned: false).write(to: DoctorTests.lists)
            let other = try host.attach(CheckTests.network(tuned: false), "c2", ports: Ports.one(.tcp, 8081, 80))
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            let healthy = try DoctorTests.look()
            host.expect(healthy.findings.isEmpty, "before: \(healthy.text)")
            try one.commit(host, attached)
            let before = try host.settledState()
            let looked = try DoctorTests.look()
            host.expect(!looked.isHealthy, "it is not well")
            host.expect(
                looked.findings.contains { $0.rule == one.rule && "\($0.object) \($0.reason)".contains(one.word) },
                "\(one.rule) names \(one.word): \(looked.text)")
            host.expect(try host.settledState().difference(from: before), is: "", "a look changes nothing")
            let fixed = try DoctorTests.look(fix: true)
            host.expect(fixed.isHealthy, is: one.isMended, "mended: \(fixed.text)")
            let after = try DoctorTests.look()
            host.expect(after.findings.isEmpty, is: one.isMended, "afterwards: \(after.text)")
            let failure = try host.check(other)
            host.expect(failure == nil, "the other attachment: \(failure.map { "\($0)" } ?? "")")
        }
    }

    @Test(
        "rank 3 what drifted is told as drift with the object's name, and mended", arguments: RepairTests.mendable)
    func drift(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: sabotage.plugin == 3), "c1", ports: Ports.tcp8080)
            try sabotage.commit(host, attached)
            let name = sabotage.names.replacing("HOSTEND", with: attached.hostEnd!)
            let looked = try DoctorTests.look()
            host.expect(
                looked.findings.contains { $0.rule == .drift && $0.reason.contains(name) }, "\(name): \(looked.text)")
            let fixed = try DoctorTests.look(fix: true)
            host.expect(fixed.isHealthy && !fixed.findings.isEmpty, fixed.text)
            host.expect(try DoctorTests.look().text, is: "nothing is wrong\n", "afterwards")
        }
    }

    @Test("a container that died leaves nothing after --fix")
    func nothingLeft() throws {
        try PrivateHost.run { host in
            let baseline = try host.baseline(CheckTests.network(tuned: false), ports: Ports.tcp8080)
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            try host.removeNamespace("c1")
            try host.awaitEnd(of: attached)
            let fixed = try DoctorTests.look(fix: true)
            host.expect(fixed.isHealthy, fixed.text)
            host.expect(try host.settledState().difference(from: baseline), is: "", "what is left")
        }
    }
}

extension PrivateHost {
    /// A namespace takes its end of the cable along a moment after its name is gone.
    fileprivate func awaitEnd(of attached: Attached) throws {
        for _ in 0..<500 where try run(["ip", "link", "show", attached.hostEnd!]).exitCode == 0 { usleep(10_000) }
        _ = try settledState()
    }
}

extension TestNetwork {
    /// As a list of that directory.
    fileprivate func write(to directory: String) throws {
        try Files.makeDirectories(directory)
        let list: JSON = [
            "cniVersion": .string(version), "name": .string(name), "plugins": .array(plugins.map { .object($0) }),
        ]
        try Files.replace("\(directory)/\(name).conflist", with: list.bytes)
    }
}

extension Attached {
    /// The file of its lease.
    fileprivate func lease(_ family: AddressFamily) -> String {
        "/var/lib/cni/networks/\(network.name)/\(address(family)!)"
    }

    /// The record's file.
    fileprivate var record: String {
        let attachment = Attachment(network: network.name, containerID: id, interface: LinkName(interface)!)
        return "/run/berth/attachments/\(attachment.tag).json"
    }
}
