import Glibc
import NetCore

/// The real firewalld of a private host: its own system bus below the host's /run, its own configuration and log. Both
/// programs end with the host.
public final class FirewalldDaemon {
    private let host: PrivateHost
    private var process: RunningChild

    private static let bus = "org.fedoraproject.FirewallD1"
    private static let policy = """
        <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
         "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <busconfig>
          <type>system</type>
          <listen>unix:path=/run/dbus/system_bus_socket</listen>
          <auth>EXTERNAL</auth>
          <policy context="default">
            <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
          </policy>
        </busconfig>
        """

    /// Answers, with `zone` as the zone of everything that nobody has put elsewhere.
    public init(_ host: PrivateHost, defaultZone zone: String = "block") throws {
        self.host = host
        // Its bus is below the host's own /run, so that it cannot be the machine's.
        try Files.makeDirectories("/run/dbus")
        try PrivateHost.mount("tmpfs", "/var/log", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        try host.overlay("/etc/firewalld")
        try host.must("sed -i s/^DefaultZone=.*/DefaultZone=\(zone)/ /etc/firewalld/firewalld.conf")
        try Files.replace("\(host.scratch)/bus.conf", with: Array(FirewalldDaemon.policy.utf8))
        try host.start(["dbus-daemon", "--config-file=\(host.scratch)/bus.conf", "--nofork", "--nopidfile"])
        process = try FirewalldDaemon.start(host)
        try answers()
    }

    private static func start(_ host: PrivateHost) throws -> RunningChild {
        try host.start(["firewalld", "--nofork", "--nopid"])
    }

    private func answers() throws {
        var last: ChildOutcome?
        for _ in 0..<200 {
            let outcome = try host.run(FirewalldDaemon.words("getZones", []))
            if outcome.exitCode == 0 { return }
            last = outcome
            usleep(20_000)
        }
        throw HostRefused("firewalld does not answer: \(last.map { "\($0)" } ?? "")")
    }

    /// It ends as systemctl ends it: with its rules.
    public func stop() { process.kill(SIGTERM) }

    /// It ends with its rules left behind.
    public func kill() { process.kill(SIGKILL) }

    public func startAgain() throws {
        process = try FirewalldDaemon.start(host)
        try answers()
    }

    public var processID: pid_t { process.processID }

    /// A call of a method of its zones as words of dbus-send.
    public static func words(_ method: String, _ arguments: [String]) -> [String] {
        [
            "dbus-send", "--system", "--print-reply=literal", "--dest=\(bus)",
            "/org/fedoraproject/FirewallD1", "\(bus).zone.\(method)",
        ] + arguments.map { "string:\($0)" }
    }

    /// Calls a method of its zones, by dbus-send; gives the words of its answer.
    @discardableResult
    public func zone(_ method: String, _ arguments: String...) throws -> [String] {
        let outcome = try host.run(FirewalldDaemon.words(method, arguments))
        guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
        let isWord = { (text: Substring) in !["array", "[", "]"].contains(text) }
        return outcome.text.split { " \n".contains($0) }.filter(isWord).map(String.init)
    }

    /// The zone's sources, sorted.
    public func sources(_ zone: String = "trusted") throws -> [String] { try self.zone("getSources", zone).sorted() }

    /// Its configuration as it stands in files, as an administrator has it read anew.
    public func reload() throws { try host.must("firewall-cmd --reload") }
}
