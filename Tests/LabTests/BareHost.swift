import CKernel
import Glibc
import NetCore
import TestSupport

/// A host without the programs that lessons have typed: not by PATH, and not where others look for them.
extension LabHost {
    static let folder = "/mnt/bin"

    /// Those of the names are gone, wherever they stand.
    func hide(_ names: [String]) throws {
        var hidden: Set<String> = []
        for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
            for name in names {
                var text = [CChar](repeating: 0, count: Int(PATH_MAX))
                guard realpath("\(folder)/\(name)", &text) != nil else { continue }
                let path = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                guard hidden.insert(path).inserted else { continue }
                try NetCore.check("hide \(path)") { mount("/dev/null", path, "none", UInt(MS_BIND), nil) }
            }
        }
        host.expect(!hidden.isEmpty, "none of \(names) was there to be hidden")
    }

    /// PATH has a shell, what lessons use of coreutils, and what makes a process another user's; none of the network's programs is left.
    static func bare(_ host: PrivateHost, uid: Int) throws -> LabHost {
        let lab = try LabHost.learner(host, uid: uid)
        try NetCore.check("mount a folder") { mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755") }
        try Files.makeDirectories(folder)
        for name in ["sh", "sleep", "cat", "true", "setpriv"] {
            let place = ["/bin", "/usr/bin"].map { "\($0)/\(name)" }.first(where: Files.exists)
            let target = try place.unwrapped("no \(name) on this machine")
            try NetCore.check("link \(name)") { symlink(target, "\(folder)/\(name)") }
        }
        try lab.hide([
            "ip", "bridge", "nft", "iptables", "ip6tables", "iptables-nft", "iptables-legacy", "ip6tables-legacy",
            "iptables-legacy-save", "conntrack", "sysctl", "ping", "curl", "python3", "ss",
        ])
        host.environment["PATH"] = folder
        return lab
    }
}
