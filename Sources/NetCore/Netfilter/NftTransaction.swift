import CKernel
import Glibc

/// Changes of one nftables table that happen together or not at all (a netlink batch: man 8 nft, "nft -f").
public struct NftTransaction: Sendable {
    public let table: String
    private var requests: [NetlinkRequest] = []
    private var sets: UInt32 = 0
    /// Elements of one set are sent a hundred to a message: a message each would be slower, one for all may not fit.
    private var pendingElements: [NftElement] = []
    private var pendingFlags: Int32 = 0
    /// The elements of a request, by its place: which of them was refused is told by its offset.
    private var elements: [Int: [NftElement]] = [:]
    /// Something is deleted: closing the socket afterwards waits for the kernel's grace period.
    public private(set) var deletes = false

    public init(table: String) { self.table = table }

    public var isEmpty: Bool { requests.isEmpty && pendingElements.isEmpty }

    /// The table is made new (NLM_F_EXCL: the transaction fails with EEXIST when it stands).
    public mutating func addTable() throws(KernelError) {
        requests.append(
            try NftMessage.make("add table inet \(table)", NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL) { [table] in
                $0.put(Int(NFTA_TABLE_NAME.rawValue), table)
            })
    }

    public mutating func add(_ set: NftSet) throws(KernelError) {
        sets += 1
        requests.append(try set.message(table: table, id: sets))
    }

    /// The chain without its rules, so that rules of other chains can jump to it.
    public mutating func add(_ chain: NftChain) throws(KernelError) {
        try flush()
        requests.append(try chain.message(table: table))
    }

    public mutating func addRules(_ rules: [NftRule], to chain: String) throws(KernelError) {
        try flush()
        for rule in rules { requests.append(try rule.message(table: table, chain: chain)) }
    }

    /// The element is made new; with `exclusive` the transaction fails with EEXIST when its key stands.
    public mutating func add(_ element: NftElement, exclusive: Bool) throws(KernelError) {
        let flags = exclusive ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE
        if let last = pendingElements.last,
            last.set.name != element.set.name || pendingFlags != flags || pendingElements.count >= 100
        {
            try flush()
        }
        pendingFlags = flags
        pendingElements.append(element)
    }

    /// The element is removed; the transaction fails with ENOENT when it is not there.
    public mutating func delete(_ element: NftElementKey) throws(KernelError) {
        try flush()
        deletes = true
        let hex = NetCore.hex(element.key, digits: 64)
        requests.append(
            try NftMessage.make("delete element \(hex) of \(element.set)", NFT_MSG_DELSETELEM, 0) { [table] in
                $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
                $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), element.set)
                $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                    $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) }
                }
            })
    }

    /// The chain is removed with its rules; the transaction fails with EBUSY when something else refers to it.
    public mutating func delete(chain: String) throws(KernelError) {
        try flush()
        deletes = true
        requests.append(
            try NftMessage.make("delete chain \(chain)", NFT_MSG_DELCHAIN, 0) { [table] in
                $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
                $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain)
            })
    }

    private mutating func flush() throws(KernelError) {
        guard let first = pendingElements.first else { return }
        let elements = pendingElements
        self.elements[requests.count] = elements
        requests.append(
            try NftMessage.make(
                "add to \(first.set.name): \(first.command(table: table))", NFT_MSG_NEWSETELEM, pendingFlags,
                room: 512 + 512 * elements.count
            ) { [table] in
                $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
                $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), first.set.name)
                $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                    for element in elements { $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) } }
                }
            })
        pendingElements = []
    }

    mutating func finish() throws(KernelError) -> [NetlinkRequest] {
        try flush()
        return requests
    }

    /// What the kernel refused, in the request at `index`: `offset` is the refused attribute's in its bytes.
    func operation(_ index: Int, offset: Int?) -> String {
        let request = requests[index]
        guard let offset, let elements = elements[index], offset < request.bytes.count else { return request.operation }
        let parts = Attribute.list(request.bytes.dropFirst(20)).last?.nested ?? []
        guard let place = parts.lastIndex(where: { $0.payload.startIndex <= offset + 4 }),
            elements.indices.contains(place)
        else {
            return request.operation
        }
        return "add to \(elements[place].set.name): \(elements[place].command(table: table))"
    }
}

extension NetlinkSocket {
    /// The whole transaction holds, or nothing has changed. Throws the first refusal, with the change it concerns.
    public mutating func commit(_ transaction: NftTransaction) throws(KernelError) {
        var transaction = transaction
        var requests = try transaction.finish()
        guard !requests.isEmpty else { return }
        var header = nfgenmsg()
        header.res_id = UInt16(NFNL_SUBSYS_NFTABLES).bigEndian
        requests.insert(
            try NetlinkRequest(
                "begin the nftables transaction", type: Int(NFNL_MSG_BATCH_BEGIN), flags: 0, header: header), at: 0)
        // Only the last change asks for an acknowledgement: a thousand would overrun the receive buffer, and a refused
        // change is reported without being asked.
        let last = requests.count - 1
        requests[last].number(0, addingFlags: NLM_F_ACK)
        requests.append(
            try NetlinkRequest(
                "commit the nftables transaction", type: Int(NFNL_MSG_BATCH_END), flags: 0, header: header))
        let first = try send(requests, flags: 0)
        var refusal: KernelError?
        while true {
            for reply in try receive(requests[last].operation) where reply.type == NLMSG_ERROR {
                let index = Int(reply.sequence &- first)
                guard requests.indices.contains(index) else { continue }
                if refusal == nil {
                    let isChange = index > 0 && index <= last
                    let operation =
                        isChange
                        ? transaction.operation(index - 1, offset: NetlinkSocket.offset(reply))
                        : requests[index].operation
                    refusal = NetlinkSocket.failure(reply, operation)
                }
                if index == 0 || index >= last {
                    if let refusal { throw refusal }
                    return
                }
            }
        }
    }

    /// Is there a table of that name, family inet?
    public mutating func hasTable(_ table: String) throws(KernelError) -> Bool {
        let request = try NftMessage.make("look up table inet \(table)", NFT_MSG_GETTABLE, 0) {
            $0.put(Int(NFTA_TABLE_NAME.rawValue), table)
        }
        return try found(request)
    }

    /// Is there a chain of that name?
    public mutating func hasChain(_ chain: String, table: String, family: Int32 = Int32(NFPROTO_INET))
        throws(KernelError) -> Bool
    {
        try found(try chainRequest(chain, table: table, family: family))
    }

    private mutating func found(_ request: NetlinkRequest) throws(KernelError) -> Bool {
        try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } != nil
    }

    private func chainRequest(_ chain: String, table: String, family: Int32) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make("look up chain \(chain) of table \(table)", NFT_MSG_GETCHAIN, 0, family: family) {
            $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
            $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain)
        }
    }

    /// Base chains of any table that drop what they do not accept, at one hook of the IP families: "ip filter FORWARD".
    /// The chains of `own` are passed over unread.
    public mutating func droppingChains(hook: UInt32, except own: String = "") throws(KernelError) -> [String] {
        let mine = Array(own.utf8) + [0]
        let request = try NftMessage.make(
            "list base chains", NFT_MSG_GETCHAIN, NLM_F_DUMP, family: Int32(NFPROTO_UNSPEC))
        let families = [UInt8(NFPROTO_INET): "inet", UInt8(NFPROTO_IPV4): "ip", UInt8(NFPROTO_IPV6): "ip6"]
        return try ask(request).compactMap { reply in
            // The table's name is the first attribute.
            guard !reply.payload.dropFirst(8).starts(with: mine) else { return nil }
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first.flatMap({ families[$0] }),
                attributes[type: Int(NFTA_CHAIN_POLICY.rawValue)]?.bigEndian32 == UInt32(NF_DROP),
                let at = attributes[type: Int(NFTA_CHAIN_HOOK.rawValue)]?.nested[type: Int(NFTA_HOOK_HOOKNUM.rawValue)],
                at.bigEndian32 == hook, let table = attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text,
                let name = attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text
            else { return nil }
            return "\(family) \(table) \(name)"
        }
    }

    /// How many rules and elements refer to a chain, its own rules included; nil when it is not there.
    public mutating func uses(ofChain chain: String, table: String) throws(KernelError) -> Int? {
        let request = try chainRequest(chain, table: table, family: Int32(NFPROTO_INET))
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) }
        return replies?.first?.attributes(after: 4)[type: Int(NFTA_CHAIN_USE.rawValue)]?.bigEndian32.map { Int($0) }
    }

    /// The element with exactly that key; nil when it, its set or the table is not there.
    public mutating func element(_ element: NftElementKey, table: String) throws(KernelError) -> NftElementFound? {
        let request = try NftMessage.make("look up an element of \(element.set)", NFT_MSG_GETSETELEM, 0) {
            $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
            $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), element.set)
            $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) }
            }
        }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) }
        // An interval map answers with the range that the key lies in.
        return replies?.flatMap(NftElementFound.list).first { $0.identity == element }
    }

    /// Every element of a set; empty when it or the table is not there. Time grows with the set.
    public mutating func elements(ofSet set: String, table: String) throws(KernelError) -> [NftElementFound] {
        let request = try NftMessage.make("list set \(set)", NFT_MSG_GETSETELEM, NLM_F_DUMP) {
            $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
            $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), set)
        }
        return try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) }?.flatMap(NftElementFound.list)
            ?? []
    }

    /// A chain's rules, in order. Empty when the chain is not there.
    public mutating func rules(ofChain chain: String, table: String) throws(KernelError) -> [NftRuleFound] {
        let request = try NftMessage.make("list rules of chain \(chain)", NFT_MSG_GETRULE, NLM_F_DUMP) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), table)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
        }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } ?? []
        return replies.filter { $0.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) }.map {
            NftRuleFound($0.attributes(after: 4))
        }
    }

    /// The comments of a chain's rules, in order; nil for a rule without one. Empty when the chain is not there.
    public mutating func ruleComments(ofChain chain: String, table: String) throws(KernelError) -> [String?] {
        try rules(ofChain: chain, table: table).map(\.comment)
    }
}
