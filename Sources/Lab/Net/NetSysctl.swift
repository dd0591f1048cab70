import Glibc
import NetCore

/// `berth net sysctl`: as `sysctl`, for the parameters below net, which each network has for itself.
enum NetSysctl {
    static let verb = NetVerb(
        name: "sysctl",
        forms: ["berth net sysctl [-n] KEY", "berth net sysctl [-q] [-w] KEY=VALUE"],
        run: { (words, call) throws(LabError) in
            var (isBare, isQuiet) = (false, call.isQuiet)
            var settings: [String] = []
            while let word = words.next() {
                guard word.hasPrefix("-") else {
                    settings.append(word)
                    continue
                }
                for letter in word.dropFirst() {
                    switch letter {
                    case "n": isBare = true
                    case "q": isQuiet = true
                    case "w", "e": break
                    default: throw words.fault("there is no option -\(letter)")
                    }
                }
            }
            guard !settings.isEmpty else { throw words.fault("the parameter is missing") }
            for setting in settings {
                if let equals = setting.firstIndex(of: "=") {
                    let value = String(setting[setting.index(after: equals)...])
                    try write(String(setting[..<equals]), value, words, call, isQuiet)
                } else {
                    let path = try path(setting, words)
                    let value = try take(setting, "read") { () throws(KernelError) in try Sysctl.read(path) }
                    call.say(isBare ? value : "\(name(path)) = \(value)")
                }
            }
            return 0
        })

    private static func write(
        _ key: String, _ value: String, _ words: NetWords, _ call: NetCall, _ isQuiet: Bool
    ) throws(LabError) {
        let path = try path(key, words)
        guard !value.isEmpty else { throw words.fault("the value of \(key) is missing") }
        try NetPlace.mustBeApart()
        try take(key, "set to \(value)") { () throws(KernelError) in try Sysctl.write(path, value) }
        guard !isQuiet else { return }
        call.say("\(name(path)) = \(value)")
        let isPlain = value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"'\"$`\\*?&;|<>()!#~".utf8.contains($0) }
        call.same(["sysctl -w \(isPlain ? "\(name(path))=\(value)" : "'\(name(path))=\(value)'")"])
    }

    private static func path(_ key: String, _ words: NetWords) throws(LabError) -> String {
        guard let path = Sysctl.path(key) else {
            throw words.fault(
                "\"\(key)\" is none of a network's parameters", cause: "they begin with net: net.ipv4.ip_forward")
        }
        return path
    }

    /// "net.ipv4.conf.eth0/1.rp_filter": as sysctl writes it, a link's own dots as slashes.
    private static func name(_ path: String) -> String {
        String(path.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
    }

    @discardableResult
    private static func take<Value>(
        _ key: String, _ verb: String, _ body: () throws(KernelError) -> Value
    ) throws(LabError) -> Value {
        do throws(KernelError) {
            return try body()
        } catch {
            let fix =
                switch error.errno {
                case .noSuchFile:
                    "see those that there are below /proc/sys/net; some come with a kernel module, as net.bridge with br_netfilter"
                case .notPermitted, .accessDenied, .readOnly:
                    "a node's root may: berth lab exec host -- berth net sysctl …"
                default: "see what it is now: berth net sysctl \(key)"
                }
            throw LabError(.kernel, "\(key) cannot be \(verb)", cause: error.description, fix: fix)
        }
    }
}
