import NetCore

/// A kernel parameter below net/ in one of the two namespaces (man 8 sysctl).
public struct SysctlSetting: Hashable, Sendable {
    public let place: Place
    /// "net/ipv4/ip_forward"
    public let path: String
    public let value: String
    /// A kernel without the parameter (IPv6 off, say) is as good.
    public let optional: Bool

    public init(_ place: Place, _ path: String, _ value: String, optional: Bool = false) {
        self.place = place
        self.path = path
        self.value = value
        self.optional = optional
    }

    var words: String { "\(path) is \(value)\(place == .container ? " in the container" : "")" }
    func commands(_ shell: ShellWriter) -> [String] { [shell.sysctl(place, path, value, optional: optional)] }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        guard let found = try kernel.sysctl(path, place) else {
            return optional ? [] : [Finding("sysctl \(path)", expected: value, found: "no such parameter")]
        }
        let same = SysctlSetting.words(found) == SysctlSetting.words(value)
        return same
            ? []
            : [
                Finding(
                    "sysctl \(path)\(place == .container ? " in the container" : "")", expected: value, found: found)
            ]
    }

    var unknown: KernelError {
        KernelError("set sysctl \(path) to \(value)", .noSuchFile, "this kernel has no such parameter")
    }

    /// Parameters with several numbers come back with tabs between them.
    static func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\t" } }
}

extension LinuxKernel {
    /// The parameter has that value; written only when it differs.
    public mutating func set(_ setting: SysctlSetting) throws(KernelError) {
        guard let found = try parameter(setting.path, setting.place) else {
            if setting.optional { return }
            throw setting.unknown
        }
        guard SysctlSetting.words(found) != SysctlSetting.words(setting.value) else { return }
        // A write may change others with it: conf/all/disable_ipv6 sets every link's.
        told.removeAll { $0.place == setting.place }
        if setting.place == .container, let descriptor = sockets.parameter(setting.path) {
            try Sysctl.write(setting.path, setting.value, to: descriptor)
            return
        }
        try at(setting.place) { () throws(KernelError) in try Sysctl.write(setting.path, setting.value) }
    }

    /// The parameters, a new link's own and all of one place, have those values; written without a look at what they
    /// have. Nothing else changes with them.
    mutating func write(_ settings: [SysctlSetting]) throws(KernelError) {
        guard let place = settings.first?.place else { return }
        for setting in settings { tell(setting.path, place, nil) }
        try at(place) { () throws(KernelError) in
            for setting in settings {
                let written: Void? = try ignoring(.noSuchFile) { () throws(KernelError) in
                    try Sysctl.write(setting.path, setting.value)
                }
                guard written == nil, !setting.optional else { continue }
                throw setting.unknown
            }
        }
    }

    /// The parameter's value as netlink or an earlier look tells it, else as /proc/sys does; nil when the kernel has no such
    /// parameter.
    public mutating func parameter(_ path: String, _ place: Place) throws(KernelError) -> String? {
        if let known = try known(path, place) { return known }
        return try sysctl(path, place)
    }

    /// As `sysctl(_:_:)` for a parameter of the container that will be set: its file stays open for that.
    public mutating func sysctlToSet(_ path: String) throws(KernelError) -> String? {
        let opened = try ignoring(.noSuchFile, .accessDenied, .readOnly) { () throws(KernelError) in
            try at(.container) { () throws(KernelError) in try Sysctl.open(path) }
        }
        guard let opened else { return try sysctl(path, .container) }
        sockets.keep(opened, of: path)
        let value = try Sysctl.read(path, from: opened)
        tell(path, .container, value)
        return value
    }

    /// The parameter's value; nil when the kernel has no such parameter.
    public mutating func sysctl(_ path: String, _ place: Place) throws(KernelError) -> String? {
        let value = try ignoring(.noSuchFile) { () throws(KernelError) in
            try at(place) { () throws(KernelError) in try Sysctl.read(path) }
        }
        tell(path, place, value)
        return value
    }
}
