-- The health of apps/v1 StatefulSets for Argo CD: in its ConfigMap argocd-cm, the value of
-- resource.customizations.health.apps_StatefulSet. It holds for sets of any controller;
-- those of Ordinal say more.
--
--   Healthy      every wanted pod is available and up to date, and no other is left
--   Suspended    the same, but for pods that a partition or OnDelete keeps at an older revision
--   Progressing  there is something to be done or to be waited for
--   Degraded     only a person can help
--
-- Argo CD itself says Progressing of a set that is being deleted, and does not ask here.

local function health(status, message)
  return { status = status, message = message }
end

local spec, status = obj.spec, obj.status or {}
local wanted = spec.replicas or 1
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

if (status.observedGeneration or 0) < (obj.metadata.generation or 0) then
  return health("Progressing", "the controller has not seen the last change yet")
end

local stalled, progressing, available = conditions.Stalled, conditions.Progressing, conditions.Available
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled.reason .. ": " .. stalled.message)
end
if available ~= nil and available.status == "False" then
  return health("Progressing", available.message)
end
if progressing ~= nil and progressing.status == "True" then
  return health("Progressing", progressing.message)
end

-- From here on by the numbers, which every controller reports.
local strategy = spec.updateStrategy or {}
local updated, mayBeOld = status.updatedReplicas or 0, 0
if strategy.type == "OnDelete" then
  mayBeOld = wanted
elseif strategy.rollingUpdate ~= nil then
  mayBeOld = strategy.rollingUpdate.partition or 0
end
if (status.replicas or 0) ~= wanted then
  return health("Progressing", (status.replicas or 0) .. " pods, of " .. wanted .. " that are wanted")
end
if (status.availableReplicas or 0) < wanted then
  return health("Progressing", (status.availableReplicas or 0) .. " of " .. wanted .. " pods are available")
end
if updated < wanted - mayBeOld then
  return health("Progressing", updated .. " of " .. (wanted - mayBeOld) .. " pods are updated")
end
if updated < wanted then
  return health("Suspended", (wanted - updated) .. " of " .. wanted .. " pods are left at an older revision by " ..
    (strategy.type == "OnDelete" and "OnDelete" or "the partition"))
end
return health("Healthy", wanted .. " pods are available and up to date")
