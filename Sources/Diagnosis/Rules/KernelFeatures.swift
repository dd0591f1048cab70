import CKernel
import CZlib
import Glibc
import NetCore

/// What a kernel was built with, as far as it tells: its configuration, else its modules.
struct KernelFeatures {
    enum Presence: Hashable {
        case present(String)
        case missing(String)
        case unknown(String)
    }

    let release: String
    private let configuration: [String: String]?
    private let source: String
    private let modules: Set<String>?

    init() {
        var name = utsname()
        uname(&name)
        let release = withUnsafePointer(to: &name.release) {
            $0.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) }
        }
        self.release = release
        var found: (String, [String: String])?
        for path in ["/proc/config.gz", "/boot/config-\(release)", "/lib/modules/\(release)/config"] {
            guard let bytes = KernelFeatures.unpacked(path) else { continue }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            var values: [String: String] = [:]
            for line in lines where line.hasPrefix("CONFIG_") {
                let parts = line.dropFirst(7).split(separator: "=", maxSplits: 1).map(String.init)
                if parts.count == 2 { values[parts[0]] = parts[1] }
            }
            if !values.isEmpty {
                found = (path, values)
                break
            }
        }
        source = found?.0 ?? ""
        configuration = found?.1
        modules = KernelFeatures.modules(release)
    }

    /// gzip, or as it is. Nil when it cannot be read.
    private static func unpacked(_ path: String) -> [UInt8]? {
        guard let file = gzopen(path, "rb") else { return nil }
        defer { gzclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while bytes.count < 16 << 20 {
            let count = gzread(file, &piece, 65536)
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes += piece.prefix(Int(count))
        }
        return nil
    }

    /// Names of modules that the kernel can load, or has in it.
    private static func modules(_ release: String) -> Set<String>? {
        var found: Set<String> = []
        for file in ["modules.builtin", "modules.dep"] {
            guard let bytes = try? Files.read("/lib/modules/\(release)/\(file)", limit: 64 << 20) else { continue }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let path = line.split(separator: ":").first ?? line
                guard let name = path.split(separator: "/").last?.split(separator: ".").first else { continue }
                found.insert(String(name.map { $0 == "-" ? "_" : $0 }))
            }
        }
        return found.isEmpty ? nil : found
    }

    /// `option` without CONFIG_; `module`: what it is called as one, nil where it never is.
    func has(_ option: String, _ module: String?) -> Presence {
        if let configuration {
            switch configuration[option] {
            case "y": return .present("CONFIG_\(option)=y in \(source)")
            case "m":
                guard let module else { return .present("CONFIG_\(option)=m in \(source)") }
                if isLoaded(module) { return .present("/sys/module/\(module)") }
                guard let modules else {
                    return .unknown(
                        "CONFIG_\(option)=m in \(source), and no list of modules in /lib/modules/\(release)")
                }
                return modules.contains(module)
                    ? .present("CONFIG_\(option)=m in \(source), and module \(module) is there")
                    : .missing("CONFIG_\(option)=m in \(source), and /lib/modules/\(release) has no module \(module)")
            default: return .missing("CONFIG_\(option) is not set in \(source)")
            }
        }
        if let module, isLoaded(module) { return .present("/sys/module/\(module)") }
        if let module, let modules {
            return modules.contains(module)
                ? .present("module \(module) in /lib/modules/\(release)")
                : .unknown("/lib/modules/\(release) has no module \(module), and no configuration of the kernel tells")
        }
        return .unknown("neither /proc/config.gz nor /boot/config-\(release) can be read")
    }

    private func isLoaded(_ module: String) -> Bool { Files.exists("/sys/module/\(module)") }
}
