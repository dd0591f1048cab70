import CKernel
import Glibc
import NetCore

/// What was typed behind a verb of `berth net`, read word by word as `ip` does.
struct NetWords {
    private let verb: NetVerb
    private var rest: ArraySlice<String>

    init(_ verb: NetVerb, _ words: ArraySlice<String>) { (self.verb, rest) = (verb, words) }

    var isEmpty: Bool { rest.isEmpty }
    var first: String? { rest.first }

    mutating func next() -> String? { rest.popFirst() }

    /// The next word is one of these, and is taken.
    mutating func take(_ words: String...) -> Bool {
        guard let first = rest.first, words.contains(first) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Throws E-NAME when nothing follows.
    mutating func next(_ what: String) throws(LabError) -> String {
        guard let word = rest.popFirst() else { throw fault("\(what) is missing") }
        return word
    }

    /// Throws E-NAME when something follows.
    func end() throws(LabError) {
        if let word = rest.first { throw fault("cannot make sense of \"\(word)\"") }
    }

    /// What is wrong with the words, and the forms that there are.
    func fault(_ message: String, cause: String? = nil) -> LabError {
        LabError(
            .name, "berth net \(verb.name): \(message)", cause: cause,
            fix: "write it so: \(verb.forms.joined(by: "\n       or  "))")
    }

    mutating func link(_ what: String = "the link's name") throws(LabError) -> LinkName {
        let word = try next(what)
        guard let name = LinkName(word) else {
            throw fault("\"\(word)\" is no name of a link: it \(LinkName.fault(in: word) ?? "is none")")
        }
        return name
    }

    mutating func address(_ what: String = "the address") throws(LabError) -> IPAddress {
        let word = try next(what)
        guard let address = IPAddress(word) else {
            throw fault("\"\(word)\" is no address", cause: "one looks like 10.88.0.2 or fd00:88::2")
        }
        return address
    }

    /// An address with a length; without one it is that of one address alone, as `ip` takes it.
    mutating func prefix(_ what: String) throws(LabError) -> IPPrefix {
        let word = try next(what)
        guard let prefix = IPPrefix(word) ?? IPAddress(word).map({ IPPrefix(host: $0) }) else {
            throw fault("\"\(word)\" is no \(what)", cause: "one looks like 10.88.0.0/24 or fd00:88::/64")
        }
        return prefix
    }

    mutating func number(_ what: String, _ range: ClosedRange<Int>) throws(LabError) -> Int {
        let word = try next(what)
        guard let number = Int(word), range.contains(number) else {
            throw fault("\"\(word)\" is no \(what): it is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func mac() throws(LabError) -> MACAddress {
        let word = try next("the MAC address")
        guard let mac = MACAddress(word) else {
            throw fault("\"\(word)\" is no MAC address", cause: "one looks like 02:00:00:00:04:01")
        }
        return mac
    }
}

extension LabError {
    /// What the kernel refused of `berth net`; `show` tells what there is.
    init(net error: KernelError, _ task: String, show: String) {
        let fix =
            switch error.errno {
            case .alreadyExists: "see what is there: \(show)"
            case .noSuchDevice, .noSuchFile, .noSuchProcess, .noSuchAddress, Errno(ENXIO): "see what there is: \(show)"
            case Errno(ENETUNREACH), Errno(EHOSTUNREACH): "see which networks this node knows: berth net route"
            case .notPermitted, .accessDenied:
                "a node's root may: berth lab exec host -- berth net …, or in its shell: berth lab shell host"
            case .notSupported: "this kernel may lack it; see what there is: \(show)"
            default: "see what is there: \(show)"
            }
        self.init(
            error.errno == .notPermitted || error.errno == .accessDenied
                ? .privilege : error.errno == .alreadyExists ? .exists : .kernel,
            "cannot \(task)", cause: error.description, fix: fix)
    }
}

extension NetCall {
    /// The body with a socket of the node's own network.
    func route<Value>(
        _ task: @autoclosure () -> String, show: String,
        _ body: (inout NetlinkSocket) throws(KernelError) -> Value
    ) throws(LabError) -> Value {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            return try body(&socket)
        } catch {
            throw LabError(net: error, task(), show: show)
        }
    }

    /// The link of that name. Throws E-NAME when there is none.
    func link(_ name: LinkName) throws(LabError) -> Link {
        let found = try route("look for link \(name)", show: "berth net link") { (socket) throws(KernelError) in
            try ignoring(.noSuchDevice) { () throws(KernelError) in try socket.link(name.description) }
        }
        guard let found else {
            throw LabError(
                .name, "there is no link called \(name) here", cause: "this node has \(try names().joined(by: ", "))",
                fix: "take one of these, or make it: berth net link add \(name) type veth peer name NAME")
        }
        return found
    }

    private func names() throws(LabError) -> [String] {
        try route("list links", show: "berth net link") { (socket) throws(KernelError) in
            try socket.links().map(\.name)
        }
    }
}
