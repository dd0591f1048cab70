import CDBus
import Glibc
import NetCore
import NetPlan

/// The runtime configuration of firewalld's zones (man 5 firewalld.dbus, org.fedoraproject.FirewallD1.zone). The permanent one
/// is only looked at.
struct Firewalld: ~Copyable {
    private static let name = "org.fedoraproject.FirewallD1"
    private static let path = "/org/fedoraproject/FirewallD1"
    private let bus: SystemBus

    /// Throws ENOTCONN where there is no system bus.
    init() throws(KernelError) {
        do throws(SystemBus.Refusal) {
            bus = try SystemBus(peer: Firewalld.name)
        } catch {
            throw Firewalld.error("connect to the system bus", error)
        }
    }

    /// The lines of the answer.
    func answer(_ request: FirewalldRequest) throws(KernelError) -> [String] {
        switch request.verb {
        case .look: return try state().lines
        case .add: try add(request.bindings)
        case .remove: for binding in request.bindings { try remove(binding) }
        }
        return []
    }

    private func state() throws(KernelError) -> FirewalldState {
        do throws(SystemBus.Refusal) {
            var state = FirewalldState(zones: try zones("getZones").strings)
            for (zone, lists) in try zones("getActiveZones").tables {
                for case ("sources", let sources) in lists {
                    state.bindings += sources.map { FirewalldBinding(zone: zone, source: $0) }
                }
            }
            return state
        } catch {
            throw Firewalld.error("look at firewalld's zones", error)
        }
    }

    private func add(_ bindings: [FirewalldBinding]) throws(KernelError) {
        var done: [FirewalldBinding] = []
        for binding in bindings {
            do throws(SystemBus.Refusal) {
                _ = try zones("addSource", [binding.zone, binding.source])
                done.append(binding)
            } catch {
                // Somebody else's, or an ADD's that was killed: it stays his.
                if error.firewalldCode == "ZONE_ALREADY_SET" || error.firewalldCode == "ALREADY_ENABLED" { continue }
                for binding in done.reversed() { try remove(binding) }
                throw Firewalld.error("make \(binding.source) a source of firewalld's zone \(binding.zone)", error)
            }
        }
    }

    private func zones(_ method: String, _ arguments: [String] = []) throws(SystemBus.Refusal) -> Answer {
        try bus.call(Firewalld.path, "\(Firewalld.name).zone", method, arguments)
    }

    /// Has the administrator put it there for good?
    private func isPermanent(_ binding: FirewalldBinding) throws(SystemBus.Refusal) -> Bool {
        let configuration = "\(Firewalld.name).config"
        let zone = try bus.call("\(Firewalld.path)/config", configuration, "getZoneByName", [binding.zone])
        guard let path = zone.path else { return false }
        return try bus.call(path, "\(configuration).zone", "querySource", [binding.source]).isTrue
    }

    /// One that is gone is no failure, one that was moved to another zone is left there, and one of the permanent configuration
    /// stays, too.
    private func remove(_ binding: FirewalldBinding) throws(KernelError) {
        do throws(SystemBus.Refusal) {
            if try isPermanent(binding) { return }
            _ = try zones("removeSource", [binding.zone, binding.source])
        } catch {
            let isGone = ["UNKNOWN_SOURCE", "NOT_ENABLED", "ZONE_CONFLICT", "INVALID_ZONE"]
            if let code = error.firewalldCode, isGone.contains(code) { return }
            throw Firewalld.error("remove source \(binding.source) from firewalld's zone \(binding.zone)", error)
        }
    }

    private static func error(_ operation: String, _ refusal: SystemBus.Refusal) -> KernelError {
        let start = "systemctl start firewalld, or leave \"backend\" out and berth filters by nftables"
        switch refusal.name {
        case DBUS_ERROR_SERVICE_UNKNOWN, DBUS_ERROR_NAME_HAS_NO_OWNER:
            return KernelError(operation, .notConnected, "firewalld is not on the system bus: \(start)")
        case DBUS_ERROR_FILE_NOT_FOUND, DBUS_ERROR_NO_SERVER, DBUS_ERROR_DISCONNECTED:
            return KernelError(operation, .notConnected, "there is no system bus (\(refusal.message)): \(start)")
        case DBUS_ERROR_NO_REPLY, DBUS_ERROR_TIMEOUT:
            return KernelError(
                operation, .timedOut,
                "firewalld did not answer, as one that ends or still starts: firewall-cmd --state tells")
        case DBUS_ERROR_ACCESS_DENIED, DBUS_ERROR_AUTH_FAILED:
            return KernelError(operation, .accessDenied, refusal.message)
        default: break
        }
        switch refusal.firewalldCode {
        case "INVALID_ZONE":
            return KernelError(
                operation, .noSuchFile,
                "firewalld has no such zone; firewall-cmd --get-zones lists them: name one in \"firewalldZone\"")
        case "ZONE_CONFLICT": return KernelError(operation, .alreadyExists, refusal.message)
        case "NOT_AUTHORIZED": return KernelError(operation, .accessDenied, refusal.message)
        default: return KernelError(operation, Errno(EPROTO), "firewalld says: \(refusal.message)")
        }
    }
}

extension SystemBus.Refusal {
    /// The first word of what firewalld's own exceptions say: "ZONE_CONFLICT: '10.1.0.2' already bound to a zone".
    fileprivate var firewalldCode: String? {
        guard name.hasPrefix("org.fedoraproject.FirewallD1.") else { return nil }
        return message.split(separator: ":").first.map(String.init)
    }
}
