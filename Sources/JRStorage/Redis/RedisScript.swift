/// What the server does in one piece. Each has all five keys of a node unless it says otherwise, and its own arguments.
///
/// A first write that needs no room lets a script go on where the server has none (`HDEL … none`, `ZREM … -`).
enum RedisScript: String, Sendable {
    /// Arguments: commands. Answers those of them that the user may not run with the first key; servers before 7.0
    /// cannot say so, and answer none.
    case forbidden = """
        local found = {}
        if not redis.acl_check_cmd then return found end
        for _, name in ipairs(ARGV) do
          local may
          if name == 'TIME' then may = redis.acl_check_cmd(name)
          else may = redis.acl_check_cmd(name, KEYS[1], KEYS[1], KEYS[1]) end
          if not may then found[#found + 1] = name end
        end
        return found
        """

    /// Arguments: holder, lease in ms, format, a new store's id, the store's id and the token that were held before or
    /// two empty ones, the holder that is known to be dead or an empty one, the commits that were answered.
    ///
    /// The token only rises: after the server was emptied it goes on from the server's clock, so that no number comes
    /// twice. Another store's id, an older token or fewer commits than were answered mean that the server came back
    /// with less than it had.
    case take = """
        local format = redis.call('HGET', KEYS[1], 'format')
        if format and format ~= ARGV[3] then return {'format', format} end
        local store = redis.call('HGET', KEYS[1], 'store')
        local token = redis.call('HGET', KEYS[1], 'token')
        local holder = redis.call('GET', KEYS[5])
        local lost = 0
        if ARGV[6] ~= '' then
          local commits = tonumber(redis.call('HGET', KEYS[1], 'commits') or '0')
          if store ~= ARGV[5] or tonumber(token) < tonumber(ARGV[6]) then lost = 1
          elseif token == ARGV[6] and commits < tonumber(ARGV[8]) then lost = 1
          elseif token ~= ARGV[6] then
            return {'fenced', holder or redis.call('HGET', KEYS[1], 'takenBy') or ''}
          end
        end
        if holder and holder ~= ARGV[7] then
          local mine = string.match(ARGV[1], '^[^|]*')
          if string.match(holder, '^[^|]*') ~= mine then
            return {ARGV[6] ~= '' and 'fenced' or 'held', holder, redis.call('PTTL', KEYS[5])}
          end
        end
        local time = redis.call('TIME')
        local clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local next = string.format('%.0f', math.max(tonumber(token or '0') + 1, clock))
        if not store then store = ARGV[4] end
        redis.call('HDEL', KEYS[1], 'takenBy')
        redis.call('HSET', KEYS[1], 'format', ARGV[3], 'store', store, 'token', next)
        redis.call('SET', KEYS[5], ARGV[1], 'PX', ARGV[2])
        local late = redis.call('HGET', KEYS[1], 'late') or '0'
        return {'taken', next, store, lost, redis.call('ZCARD', KEYS[3]), redis.call('HLEN', KEYS[2]), late}
        """

    /// Arguments: token, holder, lease in ms.
    case renew = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then
          return {'fenced', redis.call('GET', KEYS[5]) or redis.call('HGET', KEYS[1], 'takenBy') or ''}
        end
        redis.call('HDEL', KEYS[1], 'none')
        redis.call('SET', KEYS[5], ARGV[2], 'PX', ARGV[3])
        return {'done'}
        """

    /// Arguments: token, the number of ids whose mark ends, 1 if all that is stored is replaced, the number of results
    /// in it, the ids, then an id and a record for each change, the record empty for a removal. Answers how many
    /// commits there have been.
    ///
    /// Results that come too late are counted.
    ///
    /// Its first write is one that a server without room refuses. If all records are there already, so that nothing
    /// grows much, it goes on nevertheless: once a script has written anything, the server lets it finish, and HDEL is
    /// allowed without room, as the other scripts make use of too. Otherwise the ends of jobs could not be stored, and
    /// no room would ever be made.
    ///
    /// What follows the check changes nothing, and needs each permission once: a script that is stopped leaves what it
    /// has written, and a record without its place in the order could not be read again.
    case commit = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then
          redis.call('HDEL', KEYS[1], 'none')
          if ARGV[4] ~= '0' then redis.call('HINCRBY', KEYS[1], 'late', ARGV[4]) end
          return {'fenced', redis.call('GET', KEYS[5]) or redis.call('HGET', KEYS[1], 'takenBy') or ''}
        end
        local first = 5 + tonumber(ARGV[2])
        local probe = redis.pcall('HINCRBY', KEYS[1], 'commits', 1)
        if type(probe) == 'table' and probe.err then
          if not string.find(probe.err, 'OOM', 1, true) then return probe end
          for i = first, #ARGV, 2 do
            if ARGV[i + 1] ~= '' and redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then return probe end
          end
          redis.call('HDEL', KEYS[1], 'none')
        end
        redis.call('ZADD', KEYS[3], 'XX', 0, '-')
        redis.call('ZREM', KEYS[3], '-')
        redis.call('SREM', KEYS[4], '-')
        redis.call('HSET', KEYS[1], 'none', '')
        redis.call('HDEL', KEYS[1], 'none')
        if ARGV[3] == '1' then redis.call('DEL', KEYS[2], KEYS[3]) end
        for i = 5, first - 1 do redis.call('SREM', KEYS[4], ARGV[i]) end
        for i = first, #ARGV, 2 do
          if ARGV[i + 1] == '' then
            redis.call('HDEL', KEYS[2], ARGV[i])
            redis.call('ZREM', KEYS[3], ARGV[i])
          elseif redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
            redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], 'sequence', 1), ARGV[i])
          end
        end
        return {'done', redis.call('HGET', KEYS[1], 'commits')}
        """

    /// Arguments: token, ids of jobs whose attempts begin.
    case mark = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        redis.call('HDEL', KEYS[1], 'none')
        for i = 2, #ARGV do redis.call('SADD', KEYS[4], ARGV[i]) end
        return {'done'}
        """

    /// Arguments: token, the place of the first job wanted, lease in ms. Answers ids and records in turn, of at most
    /// 500 jobs and some more than 8 MiB; the hold is renewed, as this may go on for long.
    case load = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        redis.call('PEXPIRE', KEYS[5], ARGV[3])
        local ids = redis.call('ZRANGE', KEYS[3], ARGV[2], ARGV[2] + 499)
        local found, bytes = {'done'}, 0
        for _, id in ipairs(ids) do
          local record = redis.call('HGET', KEYS[2], id) or ''
          found[#found + 1] = id
          found[#found + 1] = record
          bytes = bytes + #record
          if bytes > 8388608 then break end
        end
        return found
        """

    /// Arguments: token.
    case release = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        redis.call('DEL', KEYS[5])
        return {'done'}
        """

    // MARK: Take-over

    /// Key: the registry. Arguments: the node, its lease in ms. Answers the server's time in ms, then names and
    /// ends of the holds that end first.
    case enrol = """
        local time = redis.call('TIME')
        local clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        redis.call('ZREM', KEYS[1], '-')
        redis.call('ZADD', KEYS[1], string.format('%.0f', clock + tonumber(ARGV[2])), ARGV[1])
        local found = {'done', string.format('%.0f', clock)}
        for _, part in ipairs(redis.call('ZRANGE', KEYS[1], 0, 255, 'WITHSCORES')) do found[#found + 1] = part end
        return found
        """

    /// Keys: the dead node's, and the registry unless that is on another server. Arguments: holder, lease in ms,
    /// format, the dead node, the end of its hold as the registry has it. Answers a token, the number of its jobs and
    /// the server's time in ms.
    ///
    /// A node that stopped in good order has left the registry, and is not dead.
    case seize = """
        if KEYS[6] and not redis.call('ZSCORE', KEYS[6], ARGV[4]) then return {'none'} end
        local format = redis.call('HGET', KEYS[1], 'format')
        if not format then return {'none'} end
        if format ~= ARGV[3] then return {'format', format} end
        local holder = redis.call('GET', KEYS[5])
        if holder and string.match(holder, '^[^|]*') ~= string.match(ARGV[1], '^[^|]*') then
          return {'held', redis.call('PTTL', KEYS[5])}
        end
        local time = redis.call('TIME')
        local clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local token = tonumber(redis.call('HGET', KEYS[1], 'token') or '0')
        local next = string.format('%.0f', math.max(token + 1, clock))
        local now = string.format('%.0f', clock)
        redis.call('HDEL', KEYS[1], 'none')
        redis.call('HSET', KEYS[1], 'token', next, 'takenBy', ARGV[1], 'takenAt', now, 'heldUntil', ARGV[5])
        redis.call('SET', KEYS[5], ARGV[1], 'PX', ARGV[2])
        return {'seized', next, redis.call('HLEN', KEYS[2]), now}
        """

    /// Keys: our five, then the dead node's. Arguments: our token, the token of its hold, lease in ms, the number of
    /// copies that only go, their ids, the ids of the jobs that become ours. Answers how many commits there have been.
    case move = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then return {'fenced', redis.call('GET', KEYS[5]) or ''} end
        if redis.call('HGET', KEYS[6], 'token') ~= ARGV[2] then return {'gone'} end
        redis.call('HINCRBY', KEYS[1], 'commits', 1)
        redis.call('ZADD', KEYS[3], 'XX', 0, '-')
        redis.call('PEXPIRE', KEYS[10], ARGV[3])
        local first = 5 + tonumber(ARGV[4])
        for i = 5, #ARGV do
          local id = ARGV[i]
          local record = redis.call('HGET', KEYS[7], id)
          if i >= first and record then
            if redis.call('HSETNX', KEYS[2], id, record) == 1 then
              redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], 'sequence', 1), id)
            end
            if redis.call('SISMEMBER', KEYS[9], id) == 1 then redis.call('SADD', KEYS[4], id) end
          end
          redis.call('SREM', KEYS[9], id)
          redis.call('HDEL', KEYS[7], id)
          redis.call('ZREM', KEYS[8], id)
        end
        return {'done', redis.call('HGET', KEYS[1], 'commits')}
        """

    /// The first half of ``move`` where the two nodes' keys may be on different servers. Arguments: token, then for
    /// each job its id, its record, and 1 if its attempt was under way.
    case adopt = """
        local token = redis.call('HGET', KEYS[1], 'token')
        if not token then return {'lost'} end
        if token ~= ARGV[1] then return {'fenced', redis.call('GET', KEYS[5]) or ''} end
        redis.call('HINCRBY', KEYS[1], 'commits', 1)
        redis.call('ZADD', KEYS[3], 'XX', 0, '-')
        for i = 2, #ARGV, 3 do
          if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
            redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], 'sequence', 1), ARGV[i])
          end
          if ARGV[i + 2] == '1' then redis.call('SADD', KEYS[4], ARGV[i]) end
        end
        return {'done', redis.call('HGET', KEYS[1], 'commits')}
        """

    /// The second half: what has been copied goes. Arguments: the token of the dead node's hold, lease in ms, ids.
    case drop = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'gone'} end
        redis.call('PEXPIRE', KEYS[5], ARGV[2])
        for i = 3, #ARGV do
          redis.call('SREM', KEYS[4], ARGV[i])
          redis.call('HDEL', KEYS[2], ARGV[i])
          redis.call('ZREM', KEYS[3], ARGV[i])
        end
        return {'done'}
        """

    /// Arguments: token, ids. Answers those of them that are there.
    case present = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'fenced', ''} end
        local found = {'done'}
        for i = 2, #ARGV do
          if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then found[#found + 1] = ARGV[i] end
        end
        return found
        """

    /// The end of a take-over. Arguments: the token of the dead node's hold.
    case leave = """
        if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return {'gone'} end
        if redis.call('HLEN', KEYS[2]) == 0 then redis.call('DEL', KEYS[4]) end
        redis.call('DEL', KEYS[5])
        return {'done'}
        """

    /// The script as a command, with so many arguments.
    func command(
        keys: [String], arguments count: Int, reserving bytes: Int = 0, _ body: (inout RESPWriter) -> Void
    ) -> RESPCommand {
        var command = RESPCommand("EVAL", arguments: 2 + keys.count + count, reserving: bytes + 2_048) { writer in
            writer.bulk(rawValue.utf8)
            writer.bulk(keys.count)
            for key in keys { writer.bulk(key.utf8) }
            body(&writer)
        }
        command.script = self
        return command
    }

    func command(keys: [String], _ arguments: [String]) -> RESPCommand {
        command(keys: keys, arguments: arguments.count) { writer in
            for argument in arguments { writer.bulk(argument.utf8) }
        }
    }

    func command(_ keys: RedisKeys, _ arguments: [String]) -> RESPCommand { command(keys: keys.all, arguments) }
}
