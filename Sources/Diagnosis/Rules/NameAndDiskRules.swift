import Explain
import Glibc
import NetCore

/// Whether containers can resolve names, and whether the disk has room for them.
extension HealthRule {
    static let names: [HealthRule] =
        [
            HealthRule(.dns, "stub-resolver", why: "127.0.0.53 is this host's own: in a container nobody listens there")
            {
                (examination, id) throws(KernelError) in
                guard let text = try examination.existing("/etc/resolv.conf") else {
                    return .notChecked("there is no /etc/resolv.conf")
                }
                let servers = nameservers(text)
                guard !servers.isEmpty, servers.allSatisfy(\.isLoopback) else {
                    return .passed(
                        "/etc/resolv.conf names \(servers.isEmpty ? "nobody" : servers.map { "\($0)" }.joined(by: ", "))"
                    )
                }
                let above = nameservers(try examination.existing("/run/systemd/resolve/resolv.conf") ?? "")
                    .filter { !$0.isLoopback }
                let advice =
                    above.first.map { "\($0), which systemd-resolved asks (/run/systemd/resolve/resolv.conf)" }
                    ?? "ADDRESS"
                return .found([
                    HealthFinding(
                        id, .warning, "/etc/resolv.conf",
                        "it names only \(servers.map { "\($0)" }.joined(by: ", ")): a container on the default network gets no nameserver",
                        evidence: "/etc/resolv.conf: nameserver \(servers.map { "\($0)" }.joined(by: ", "))",
                        remedy: .told(
                            "berth run --dns \(advice); on a network of one's own berth-names asks for the containers"))
                ])
            },
            HealthRule(.dns, "resolv-conf", why: "without a nameserver that answers, a container resolves no names") {
                (examination, id) throws(KernelError) in try usable(examination, id)
            },
        ]

    static let disk: [HealthRule] =
        [
            HealthRule(.disk, "image-store", why: "on a full disk no image is loaded and no container started") {
                (examination, id) throws(KernelError) in
                let place = try existingFolder(examination.places.root)
                var found = statvfs()
                try check("look at the disk of \(place)") { statvfs(place, &found) }
                let (free, all) = (
                    UInt64(found.f_bavail) * UInt64(found.f_frsize), UInt64(found.f_blocks) * UInt64(found.f_frsize)
                )
                let percent = all > 0 ? free * 100 / all : 100
                let evidence =
                    "statvfs of \(place): \(free >> 20) MiB of \(all >> 20) MiB free (\(percent) %), \(found.f_favail) of \(found.f_files) inodes"
                let noInodes = found.f_files > 0 && found.f_favail * 100 / found.f_files < 2
                let isFull = free < 100 << 20
                guard isFull || noInodes || free < 1 << 30 && percent < 10 else { return .passed(evidence) }
                return .found([
                    HealthFinding(
                        id, isFull || noInodes ? .error : .warning, place,
                        noInodes && !isFull ? "hardly an inode is left" : "\(free >> 20) MiB are left",
                        evidence: evidence,
                        remedy: .told(
                            "berth images, and berth rmi of what no container needs; berth volume prune: both are gone for good"
                        )
                    )
                ])
            }
        ]

    private static func existingFolder(_ path: String) throws(KernelError) -> String {
        var folder = path
        while folder != "/", !Files.exists(folder) { folder = Files.directory(of: folder) }
        return folder
    }

    static func nameservers(_ text: String) -> [IPAddress] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count > 1, words[0] == "nameserver" else { return nil }
            return IPAddress(String(words[1].prefix { $0 != "%" }))
        }
    }

    /// Each running container's own resolv.conf, asked of the evaluator.
    private static func usable(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let standing = try examination.standing()
        var questions: [(String, String, ReachQuestion)] = []
        var findings: [HealthFinding] = []
        var seen = 0
        for one in standing {
            let file = "\(examination.places.root)/containers/\(one.entries[0].attachment.containerID)/resolv.conf"
            guard let text = try examination.existing(file) else { continue }
            seen += 1
            let servers = nameservers(text)
            if servers.isEmpty {
                findings.append(
                    HealthFinding(
                        id, .warning, one.node.name, "it has no nameserver", evidence: "\(file) names none",
                        remedy: .told("start it with --dns ADDRESS, or on a network of its own")))
            }
            for server in servers {
                questions.append(
                    (one.node.name, file, ReachQuestion(source: one.node.name, address: server, port: 53, isUDP: true)))
            }
        }
        let answers = try examination.evaluate(
            questions.map { one in (one.2, standing.filter { $0.node.name == one.0 }.map(\.node)) })
        for ((name, file, question), answer) in zip(questions, answers)
        where answer.verdict != .reached && answer.verdict != .beyond {
            findings.append(
                HealthFinding(
                    id, .warning, "\(name) \(question.address)", "its nameserver is not reached: \(answer.reason)",
                    evidence: "\(file) names \(question.address); evaluated: \(name) → \(question.address):53/udp",
                    remedy: .told("berth explain \(name) → \(question.address):53/udp tells the way")))
        }
        return Judgement(
            findings,
            else: seen == 0
                ? "no running container has a resolv.conf of berth's"
                : "\(questions.count.counted("nameserver")) of \(seen.counted("container")) reached")
    }
}
