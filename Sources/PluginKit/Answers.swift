import CNI
import Glibc
import JSON
import NetCore
import NetPlan

/// Words on stderr: free text for whoever reads the engine's log (SPEC section 2).
public func warn(_ plugin: String, _ text: String) {
    let line = Array("berth \(plugin): \(text)\n".utf8)
    var done = 0
    while done < line.count {
        let count = line.withUnsafeBytes { write(2, $0.baseAddress! + done, $0.count - done) }
        // A log that nobody takes is no reason to fail.
        guard count > 0 else { return }
        done += count
    }
}

extension CNIError {
    /// What the kernel refused while a plugin worked, under the code that fits (cni.md P-16, P-17).
    public init(refused error: KernelError) {
        switch error.errno {
        case .timedOut, .tryAgain: self.init(.tryAgainLater, error.description)
        case .notPermitted, .accessDenied:
            self.init(
                .internal, error.description,
                details: "berth needs root, or CAP_NET_ADMIN in the host's and container's namespaces")
        case .noSuchDevice: self.init(.linkMissing, error.description)
        default: self.init(.internal, error.description)
        }
    }

    /// Why a plan was not applied. Left-overs turn the code into 105, and are listed.
    init(_ failure: ApplyFailure, _ owner: Owner) {
        switch failure.cause {
        case .kernel(let error)
        where error.errno == .alreadyExists && ["add veth", "add macvlan "].contains(where: error.operation.hasPrefix):
            self.init(
                .interfaceExists, "interface \(owner.attachment.interface) exists already in the container's namespace",
                details: error.description)
        case .kernel(let error) where error.errno == .alreadyExists && CNIError.isAboutShaping(error):
            self.init(.interfaceExists, error.description)
        case .kernel(let error) where error.errno == .alreadyExists: self.init(.addressInUse, error.description)
        case .kernel(let error) where error.operation.hasPrefix("use link "):
            self.init(.linkMissing, error.description, details: "remove that link, or name another bridge")
        case .kernel(let error): self.init(refused: error)
        case .taken(let what, let holder):
            let parts = holder.split(separator: "/").map(String.init)
            let who = parts.count == 3 ? "\(parts[1]) on \(parts[0]) (interface \(parts[2]))" : holder
            if what.hasPrefix("port ") {
                self.init(
                    .portConflict, "\(what) is already published by \(who)",
                    details: "choose another host port, bind one host address, or remove that container")
            } else {
                self.init(
                    .addressInUse, "\(what) is already held by \(who)",
                    details: "two networks give out the same addresses")
            }
        case .attached(let what):
            self.init(
                .interfaceExists, "\(owner.attachment) is already attached: \(what)",
                details: "DEL it before the next ADD")
        }
        guard !failure.leftBehind.isEmpty else { return }
        code = CNIErrorCode.rollbackIncomplete.rawValue
        details = "left behind: " + failure.leftBehind.map(\.description).joined(by: "; ")
    }

    private static func isAboutShaping(_ error: KernelError) -> Bool {
        ["limit link ", "add an ingress qdisc ", "add ifb "].contains { error.operation.hasPrefix($0) }
    }

    /// CHECK's answer: what differs, as JSON (cni.md P-55).
    init(_ findings: [Finding]) {
        let list: [JSON] = findings.map {
            ["object": .string($0.object), "expected": .string($0.expected), "found": .string($0.found)]
        }
        self.init(
            .driftFound,
            "the host differs from what was set up: \(findings[0])\(findings.count > 1 ? ", and \(findings.count - 1) more" : "")",
            details: JSON.array(list).text)
    }
}

/// The body's value, its kernel errors as CNI errors.
public func answering<R>(_ body: () throws(KernelError) -> R) throws(CNIError) -> R {
    do throws(KernelError) {
        return try body()
    } catch {
        throw CNIError(refused: error)
    }
}

extension Request {
    /// The network's lock, for ADD and DEL shared, for GC exclusive (cni.md P-59). Throws code 11 when it cannot be had.
    func networkLock(_ mode: FileLock.Mode) throws(CNIError) -> FileLock {
        do throws(KernelError) {
            return try state.networkLock(configuration.name, mode)
        } catch {
            throw CNIError(refused: error)
        }
    }
}
