import CKernel
import Inspect
import NetCore

/// What a repair of rules is to be told by, read before and after it. What could not be read is said, and never counted as nothing.
struct Restored {
    private let places: Examination.Places
    private let rules: Result<RuleTally, KernelError>
    private let flows: Result<Set<ConntrackFlow>, KernelError>

    init(_ places: Examination.Places) {
        self.places = places
        do throws(KernelError) { rules = .success(try Examination(places).ownRules()) } catch {
            rules = .failure(error)
        }
        do throws(KernelError) { flows = .success(try Restored.knownFlows()) } catch { flows = .failure(error) }
    }

    private static func knownFlows() throws(KernelError) -> Set<ConntrackFlow> {
        var socket = try NetlinkSocket(NETLINK_NETFILTER)
        var found: Set<ConntrackFlow> = []
        for family in AddressFamily.allCases { found.formUnion(try socket.flows(family)) }
        return found
    }

    /// "23 rules restored, 4 of 4 published ports evaluated and open, 11 of 11 flows kept (conntrack untouched)", what of it is not as it
    /// should be, and whether it would be done without being asked.
    func notes(since before: Restored) -> [String] {
        var lines: [String] = []
        let (ports, closed) = publishedPorts()
        lines.append("\(restoredRules(before)), \(ports), \(keptFlows(before))")
        lines += closed
        do throws(KernelError) {
            if try !RepairWatch.isRunning(places.state) {
                lines.append("berth watch does not run: it brings rules back by itself, and tells who took them")
            }
        } catch {
            lines.append("whether berth watch runs is not known: \(error)")
        }
        return lines
    }

    private func restoredRules(_ before: Restored) -> String {
        switch (before.rules, rules) {
        case (.success(let old), .success(let new)):
            let count = max(0, new.present - old.present)
            // An order, a jump, a chain that they share.
            return count == 0 && !old.differences.isEmpty
                ? "all \(new.all.counted("rule")) in their places again" : "\(count.counted("rule")) restored"
        case (.failure(let error), _), (_, .failure(let error)): return "rules not counted (\(error))"
        }
    }

    private func keptFlows(_ before: Restored) -> String {
        switch (before.flows, flows) {
        case (.success(let old), .success(let new)):
            return
                "\(old.intersection(new).count) of \(old.count.counted("flow")) kept (conntrack untouched)"
        case (.failure(let error), _), (_, .failure(let error)):
            return "flows not counted (\(error)), but conntrack was not touched"
        }
    }

    /// Evaluated as a stranger's packet, and why those that are not open are not.
    private func publishedPorts() -> (String, [String]) {
        do throws(KernelError) {
            let examination = Examination(places)
            let published = try examination.standing().flatMap(\.entries).reduce(0) { $0 + $1.ports.count }
            var asked = 0
            var closed: [String] = []
            for one in try examination.answers() {
                guard case .published = one.purpose else { continue }
                asked += 1
                if let gate = one.answer.gatekeeper {
                    closed.append("\(one.words): stopped by \(gate.place)")
                } else if !one.answer.isTranslated {
                    closed.append("\(one.words): no rule leads it to its container")
                }
            }
            if asked == 0, published > 0 {
                return (
                    "none of \(published.counted("published port")) evaluated (this host has no way out, so no stranger's packet comes)",
                    []
                )
            }
            return ("\(asked - closed.count) of \(asked.counted("published port")) evaluated and open", closed)
        } catch {
            return ("published ports not evaluated (\(error))", [])
        }
    }
}
